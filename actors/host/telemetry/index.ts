import type { Server } from 'node:http';
import { type Behaviour, type Context, defineActor } from '../../../runtime/actor.ts';
import { mainProtocol } from '../../../runtime/main-protocol.ts';
import type { TelemetryConfig } from './config.ts';
import { collector } from './io/collector.ts';
import { Memory } from './io/memory.ts';
import { close, createMetricsServer, listen } from './io/server.ts';
import { telemetryMetrics } from './metrics.ts';
import { type TelemetryProtocol, telemetryProtocol } from './protocol.ts';

/** Listens once the former life's counts are there: a scraper never sees a counter without them. */
function start(context: Context<TelemetryProtocol, TelemetryConfig>): Behaviour<TelemetryProtocol> {
  const { clock, config, log } = context;
  const metrics = telemetryMetrics(context.metrics);
  const memory = new Memory(context.peer(mainProtocol), log);
  let server: Server | undefined;
  return {
    tell: {},
    ask: {},
    async ready() {
      const totals = await memory.recall();
      const keep = () => memory.keep(totals);
      const collect = collector({ clock, config, metrics, totals, keep, observe: () => context.observe() });
      server = createMetricsServer(collect, log);
      await listen(server, config, log);
    },
    async stop() {
      if (server) await close(server);
    },
  };
}

export default defineActor<TelemetryProtocol, TelemetryConfig>({
  protocol: telemetryProtocol,
  uses: [mainProtocol],
  listens: [],
  observes: true,
  start,
});
