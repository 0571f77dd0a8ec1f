/** Entry of every actor's thread: imports the actor's module and serves the supervisor's control calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { ActorDefinition } from './actor.ts';
import { BlackBox } from './black-box.ts';
import { portChannel } from './channel.ts';
import { systemClock } from './clock.ts';
import { declaredActor, type Outcome, type WorkerControl, type WorkerStart } from './control.ts';
import { toErrorRecord, withCode } from './errors.ts';
import { commit } from './fault.ts';
import { ActorHost } from './host.ts';
import { threadCpu_s, threadMetrics } from './host-metrics.ts';
import { createLog } from './logging.ts';
import type { Protocol } from './protocol.ts';
import { systemRandom } from './random.ts';

/** CPU time is read from a file: every so many beats are enough. */
const BEATS_PER_CPU_READING = 4;

const start = workerData as WorkerStart;
const log = createLog(start.name, start.log);
const box = new BlackBox(start.box, start.names);

// The last words: the supervisor hears of the death, but only this thread knows the stack in full.
process.on('uncaughtExceptionMonitor', (error, origin) => log.fatal({ err: error, origin }, 'actor died'));

let beats = 0;
let cpu_s = 0;
function beat(): void {
  if (beats++ % BEATS_PER_CPU_READING === 0) cpu_s = threadCpu_s();
  box.beat(Date.now(), cpu_s);
}
beat();
setInterval(beat, start.beat_ms).unref();

let host: ActorHost | undefined;

function hosted(): ActorHost {
  if (!host) throw new Error(`${start.name}: a control call came before load`);
  return host;
}

async function outcome<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toErrorRecord(error) };
  }
}

/** Thrown in a task of its own, so that it ends the thread whoever is on the stack. */
function fail(error: unknown): void {
  box.blameRunning();
  setImmediate(() => {
    throw withCode(error);
  });
}

const control: WorkerControl = {
  load: () =>
    outcome(async () => {
      const module = (await import(start.module)) as { default: ActorDefinition<Protocol, unknown> };
      const definition = module.default;
      host = new ActorHost(definition, {
        name: start.name,
        incarnation: start.incarnation,
        config: start.config,
        clock: systemClock,
        random: systemRandom,
        log,
        schedule: (task) => setImmediate(task),
        fail,
        thread: { box, quarantine: start.quarantine, notify: (notice) => parentPort!.postMessage(notice) },
      });
      threadMetrics(host.registry);
      return declaredActor(definition);
    }),
  start: () => outcome(() => hosted().start()),
  connect: ({ port, ...binding }) => outcome(() => hosted().bind({ ...binding, channel: portChannel(port) })),
  ready: () => outcome(() => hosted().ready()),
  inject: (fault) =>
    outcome(() => {
      // What happens to be in hand has not killed anybody.
      box.absolve();
      commit(fault);
    }),
  stop: () => outcome(() => hosted().stop()),
};

expose(control, nodeEndpoint(parentPort!));
