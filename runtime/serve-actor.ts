/** A thread from inside: loads its actor and serves the supervisor's control calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Logger } from 'pino';
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

type Load = (start: WorkerStart) => Promise<{ default: ActorDefinition<Protocol, unknown> }>;

/**
 * Serves the actor of this thread, once: what an entry file calls.
 * @param load imports the module of the actor's definition; called when the supervisor says so
 */
export function serveActor(load: Load): void {
  const start = workerData as WorkerStart;
  const log = createLog(start.name, start.log);
  const box = new BlackBox(start.box, start.names);
  // The last words: the supervisor hears of the death, but only this thread knows the stack in full.
  process.on('uncaughtExceptionMonitor', (error, origin) => log.fatal({ err: error, origin }, 'actor died'));
  keepBeating(box, start.beat_ms);
  expose(control(start, load, { log, box }), nodeEndpoint(parentPort!));
}

function keepBeating(box: BlackBox, beat_ms: number): void {
  let beats = 0;
  let cpu_s = 0;
  const beat = (): void => {
    if (beats++ % BEATS_PER_CPU_READING === 0) cpu_s = threadCpu_s();
    box.beat(Date.now(), cpu_s);
  };
  beat();
  setInterval(beat, beat_ms).unref();
}

async function outcome<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toErrorRecord(error) };
  }
}

function control(start: WorkerStart, load: Load, { log, box }: { log: Logger; box: BlackBox }): WorkerControl {
  let host: ActorHost | undefined;
  const hosted = (): ActorHost => {
    if (!host) throw new Error(`${start.name}: a control call came before load`);
    return host;
  };
  return {
    load: () =>
      outcome(async () => {
        const definition = (await load(start)).default;
        host = createHost(definition, start, { log, box });
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
}

function createHost(
  definition: ActorDefinition<Protocol, unknown>,
  { name, incarnation, config, quarantine }: WorkerStart,
  { log, box }: { log: Logger; box: BlackBox },
): ActorHost {
  const host = new ActorHost(definition, {
    name,
    incarnation,
    config,
    clock: systemClock,
    random: systemRandom,
    log,
    schedule: (task) => setImmediate(task),
    fail: (error) => {
      box.blameRunning();
      // In a task of its own, so that it ends the thread whoever is on the stack.
      setImmediate(() => {
        throw withCode(error);
      });
    },
    thread: { box, quarantine, notify: (notice) => parentPort!.postMessage(notice) },
  });
  threadMetrics(host.registry);
  return host;
}
