import { Registry } from 'prom-client';
import { findModules, GENERATED, table } from './modules.ts';

/** Metrics of modules: an exported function `…Metrics(registry)` makes them. */
type Factory = (registry: Registry, ...rest: unknown[]) => unknown;

/** Every metric, by the module that makes it. */
export async function metricsReference(built: string): Promise<string> {
  const sections: string[] = [];
  for (const { folder, exports } of await findModules(built, /metrics\.js$/)) {
    const registry = new Registry();
    for (const [name, factory] of Object.entries(exports)) {
      // What a factory wants besides the registry is only called when the metric is read.
      if (name.endsWith('Metrics') && typeof factory === 'function') (factory as Factory)(registry, () => 0);
    }
    const rows = registry.getMetricsAsArray().map((metric) => {
      const { name, help, type, labelNames } = metric as unknown as Described;
      return [`\`${name}\``, type ?? metric.constructor.name.toLowerCase(), labelNames.join(', '), help];
    });
    if (rows.length > 0) sections.push(`## ${folder}\n\n${table(['name', 'type', 'labels', 'meaning'], rows)}\n`);
  }
  return `${GENERATED}# Metrics

Served at \`/metrics\` of the telemetry actor. Every sample also has the label \`actor\`, the thread that it is from.
Names and labels are stable.

${sections.join('\n')}`;
}

/** What prom-client keeps of a metric's definition. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly type?: string;
  readonly labelNames: readonly string[];
}
