import { inWords, type Machine } from '../measure.ts';
import type { Row } from './row.ts';

export interface KernelResult {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

/** The result for people: a table of ratios, then all that was measured side by side. */
export function markdown({ date, machine, rows }: KernelResult): string {
  return `# Kernels, ${date}

${inWords(machine)}, one core.

Ratio: how many times as fast as what it is compared with, in the same run; Go figures are scaled by the speed of
\`createHash\` in this run. Missed targets are marked.

| id | work | operations/s | against | ratio | at least |
| --- | --- | --- | --- | --- | --- |
${rows.map(line).join('\n')}

## Side by side

Time per operation, ns: median over the rounds, and the best one.

| id | candidate | median | best |
| --- | --- | --- | --- |
${rows.flatMap(details).join('\n')}
`;
}

function line({ id, work, ops_per_s, against, ratio, at_least }: Row): string {
  const missed = ratio < at_least ? ' (missed)' : '';
  const rate = ops_per_s === 0 ? '' : Math.round(ops_per_s).toLocaleString('en');
  return `| ${id} | ${work} | ${rate} | ${against} | ${ratio.toFixed(2)}${missed} | ${at_least} |`;
}

function details({ id, candidates }: Row): string[] {
  return candidates.map(
    ({ name, median_ns, best_ns }) => `| ${id} | ${name} | ${median_ns.toFixed(1)} | ${best_ns.toFixed(1)} |`,
  );
}
