/** Entry of every actor's thread: imports the actor's module and serves the supervisor's control calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { ActorDefinition } from './actor.ts';
import { portChannel } from './channel.ts';
import { systemClock } from './clock.ts';
import { declaredPeers, type Outcome, type WorkerControl, type WorkerStart } from './control.ts';
import { toErrorRecord } from './errors.ts';
import { ActorHost } from './host.ts';
import { threadMetrics } from './host-metrics.ts';
import { createLog } from './logging.ts';
import type { Protocol } from './protocol.ts';
import { systemRandom } from './random.ts';

const start = workerData as WorkerStart;
const log = createLog(start.name, start.log);

// The last words: the supervisor hears of the death, but only this thread knows the stack in full.
process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'actor died'));

let host: ActorHost | undefined;

function hosted(): ActorHost {
  if (!host) throw new Error(`${start.name}: a control call came before load`);
  return host;
}

async function outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toErrorRecord(error) };
  }
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
        // Thrown in a task of its own, so that it ends the thread whoever is on the stack.
        fail: (error) =>
          setImmediate(() => {
            throw error;
          }),
      });
      threadMetrics(host.registry);
      return declaredPeers(definition);
    }),
  start: () => outcome(() => hosted().start()),
  connect: ({ port, ...binding }) => outcome(() => hosted().bind({ ...binding, channel: portChannel(port) })),
  ready: () => outcome(() => hosted().ready()),
  stop: () => outcome(() => hosted().stop()),
};

expose(control, nodeEndpoint(parentPort!));
