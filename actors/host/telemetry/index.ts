import { type Behaviour, type Context, defineActor } from '../../../runtime/actor.ts';
import type { TelemetryConfig } from './config.ts';
import { collector } from './io/collector.ts';
import { close, createMetricsServer, listen } from './io/server.ts';
import { telemetryMetrics } from './metrics.ts';
import { type TelemetryProtocol, telemetryProtocol } from './protocol.ts';

async function start(context: Context<TelemetryProtocol, TelemetryConfig>): Promise<Behaviour<TelemetryProtocol>> {
  const { clock, config, log } = context;
  const metrics = telemetryMetrics(context.metrics);
  const collect = collector({ clock, config, metrics, observe: () => context.observe() });
  const server = createMetricsServer(collect, log);
  await listen(server, config, log);
  return { tell: {}, ask: {}, stop: () => close(server) };
}

export default defineActor<TelemetryProtocol, TelemetryConfig>({
  protocol: telemetryProtocol,
  uses: [],
  listens: [],
  observes: true,
  start,
});
