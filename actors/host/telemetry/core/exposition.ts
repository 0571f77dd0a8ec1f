import type { Observation } from '../../../../runtime/actor.ts';

/** Content type of the Prometheus text format. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Metric = Observation['metrics'][number];
type Value = Metric['values'][number];

export interface Exposition {
  readonly text: string;
  /** Metrics left out because their name was already used with another type. */
  readonly conflicts: number;
}

interface Family {
  readonly help: string;
  readonly type: string;
  readonly lines: string[];
}

/**
 * Merges the metrics of all threads into one Prometheus text: HELP and TYPE once per name, every sample with
 * the label `actor`. A metric that has that label itself (restarts, counted by the supervisor) keeps its own.
 */
export function exposition(observations: readonly Observation[]): Exposition {
  const families = new Map<string, Family>();
  let conflicts = 0;
  for (const { actor, metrics } of observations) {
    for (const metric of metrics) {
      const family = familyOf(families, metric);
      if (family === null) conflicts++;
      else for (const value of metric.values) family.lines.push(sample(metric.name, value, actor));
    }
  }
  return { text: [...families].map(([name, family]) => familyText(name, family)).join('\n'), conflicts };
}

function familyOf(families: Map<string, Family>, metric: Metric): Family | null {
  const type = String(metric.type);
  const known = families.get(metric.name);
  if (known !== undefined) return known.type === type ? known : null;
  const family: Family = { help: metric.help, type, lines: [] };
  families.set(metric.name, family);
  return family;
}

function familyText(name: string, { help, type, lines }: Family): string {
  const head = `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n`;
  return lines.length === 0 ? head : `${head}${lines.join('\n')}\n`;
}

function sample(name: string, value: Value, actor: string): string {
  // Buckets, sums and counts of histograms and summaries carry their own name.
  const own = (value as { metricName?: string }).metricName ?? name;
  const labels = Object.entries({ actor, ...value.labels });
  const text = labels.map(([key, label]) => `${key}="${escapeLabel(String(label))}"`).join(',');
  return `${own}{${text}} ${numberText(value.value)}`;
}

function escapeLabel(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
