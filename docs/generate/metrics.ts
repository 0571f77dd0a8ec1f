import { Registry } from 'prom-client';
import { findModules, GENERATED, table } from './modules.ts';

/** Metrics of a module: an exported function or class `…Metrics(registry, …)` makes them. */
type Factory = (registry: Registry, rest: unknown) => unknown;
type FactoryClass = new (registry: Registry, rest: unknown) => unknown;

/** Stands for whatever a factory wants besides the registry; it is only used when a metric is read. */
const ANYTHING: unknown = new Proxy(() => 0, { get: () => () => 0 });

/** Every metric, by the module that makes it. */
export async function metricsReference(built: string): Promise<string> {
  const sections: string[] = [];
  for (const { folder, exports } of await findModules(built, /metrics\.js$/)) {
    const registry = new Registry();
    for (const [name, factory] of Object.entries(exports)) {
      if (!name.endsWith('Metrics') || typeof factory !== 'function') continue;
      if (/^class\b/.test(factory.toString())) new (factory as FactoryClass)(registry, ANYTHING);
      else (factory as Factory)(registry, ANYTHING);
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
