import { inWords, type Machine } from '../measure.ts';
import type { Slope } from '../slope.ts';
import type { Change, CountName, ProcessSummary, Summary } from './summary.ts';

export interface SoakResult {
  readonly date: string;
  readonly machine: Machine;
  readonly command: string;
  readonly every_s: number;
  readonly storm_per_minute: number;
  /** What the command reported; null if it was ended before. */
  readonly report: Readonly<Record<string, unknown>> | null;
  readonly summary: Summary;
}

const COUNTS: readonly CountName[] = ['threads', 'sockets', 'files', 'pipes', 'others', 'ports', 'processes'];

export function markdown(result: SoakResult, chart: string): string {
  const { date, command, every_s, report, summary, storm_per_minute } = result;
  const { restarts, processes, nodes } = summary;
  const minutes = (summary.length_s / 60).toFixed(0);
  return `# Soak, ${date}

\`${command}\` for ${minutes} minutes on ${inWords(result.machine)}. Everything shares this machine. ${summary.samples}
samples, one every ${every_s} s, taken from outside.

${report === null ? 'The command was ended before it could report.' : reportTable(report)}

## Memory

![memory of every process over time](${chart})

Resident set of nodes and driver; of a database, server and backends together, each with its share of what they have in
common. **Slope**: least squares, ± its standard error, widened for what neighbouring samples have in common, over the last
two thirds of the run: before, a young chain's state grows until the first transactions leave its replay window. Samples
above 1.5 times the median, of an actor that chaos made grow, are left out; where processes were replaced, samples of all
lives are compared at equal age only (10 to 20 s, 20 to 40 s, and so on): the slope says how much more a process of the same age
holds an hour later. Begin and end are medians of the first and the last tenth of the run.

| process | lives | longest life | begin | end | most | slope |
| --- | --- | --- | --- | --- | --- | --- |
${processes.map(memoryRow).join('\n')}

## Threads, descriptors, ports

Begin → end (most). Ports: TCP ports that are listened on. Others: event loops, timers and the like.

| process | ${COUNTS.join(' | ')} |
| --- |${' --- |'.repeat(COUNTS.length)}
${processes.map((one) => `| ${one.name} | ${COUNTS.map((key) => change(one.counts[key])).join(' | ')} |`).join('\n')}

Processes under the command: ${change(summary.descendants)}. Database servers beyond one per node:
${change(summary.stray_servers)}.

## Restarts

${restarts.actors} actors and ${restarts.nodes} nodes were replaced between samples; ${restarts.per_minute} actors a
minute, at most ${restarts.most_in_a_minute} in one. Minutes with a storm (more than ${storm_per_minute}): ${restarts.storms}.

## Files

| node | height | crash reports | dead letters | logs MB | database MB |
| --- | --- | --- | --- | --- | --- |
${nodes
  .map((one) => {
    const cells = [one.height, one.crash_reports, one.dead_letters, one.logs_mb, one.database_mb].map(change);
    return `| ${one.node} | ${cells.join(' | ')} |`;
  })
  .join('\n')}
`;
}

function reportTable(report: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(report).map(([key, value]) => `| ${key} | ${JSON.stringify(value)} |`);
  return ['| what the command reported | |', '| --- | --- |', ...rows].join('\n');
}

function memoryRow({ name, lives, longest_life_s, memory_mb, slope }: ProcessSummary): string {
  const { begin, end, most } = memory_mb;
  const life = `${(longest_life_s / 60).toFixed(1)} min`;
  return `| ${name} | ${lives} | ${life} | ${begin} MB | ${end} MB | ${most} MB | ${slopeText(slope)} |`;
}

function slopeText(slope: Slope | null): string {
  return slope === null ? 'too few samples' : `${slope.slope.toFixed(1)} ± ${slope.error.toFixed(1)} MB/h`;
}

function change({ begin, end, most }: Change): string {
  return begin === end && end === most ? `${end}` : `${begin} → ${end} (${most})`;
}
