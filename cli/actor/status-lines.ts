import type { ActorStatus } from '../../runtime/child-spec.ts';
import { columnLines } from '../columns.ts';

const COLUMNS = [
  'actor',
  'group',
  'state',
  'restarts',
  'uptime',
  'last death',
  'recovery',
  'silent',
  'CPU',
  'heap',
  'external',
];
const WORDS = ['actor', 'group', 'state', 'last death'].map((name) => COLUMNS.indexOf(name));

/** A table of actors, one line each. */
export function listLines(actors: readonly ActorStatus[]): string[] {
  return columnLines([COLUMNS, ...actors.map(cells)], WORDS);
}

function cells(actor: ActorStatus): string[] {
  return [
    actor.name,
    actor.group,
    actor.phase,
    String(actor.restarts),
    duration(actor.uptime_ms),
    actor.lastDeath?.code ?? '-',
    duration(actor.recovery_ms),
    duration(actor.silent_ms),
    duration(actor.cpu_s === null ? null : actor.cpu_s * 1_000),
    megabytes(actor.heap_bytes),
    megabytes(actor.external_bytes),
  ];
}

/** Groups, their actors in start order, and below each who is replaced with it. */
export function treeLines(actors: readonly ActorStatus[]): string[] {
  const groups = new Map<string, ActorStatus[]>();
  for (const actor of actors) groups.set(actor.group, [...(groups.get(actor.group) ?? []), actor]);
  return [...groups].flatMap(([group, members]) => [
    group,
    ...members.flatMap((actor, index) => branch(actor, index === members.length - 1)),
  ]);
}

function branch(actor: ActorStatus, isLast: boolean): string[] {
  const restarts = actor.restarts === 0 ? '' : `, ${actor.restarts} ${actor.restarts === 1 ? 'restart' : 'restarts'}`;
  const below = isLast ? '   ' : '│  ';
  return [
    `${isLast ? '└─' : '├─'} ${actor.name}: ${actor.phase}${restarts}`,
    ...actor.dependents.map(
      (name, index) => `${below}${index === actor.dependents.length - 1 ? '└─' : '├─'} ${name} is replaced with it`,
    ),
  ];
}

/** Three digits and a unit; a dash for what is not known. */
export function duration(value_ms: number | null): string {
  if (value_ms === null) return '-';
  if (value_ms < 1_000) return `${Math.round(value_ms)} ms`;
  const seconds = value_ms / 1_000;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 360_000 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
}

export function megabytes(bytes: number | null): string {
  return bytes === null ? '-' : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** As `--json` says it. */
export function answerOf({ phase, lastDeath, ...actor }: ActorStatus) {
  const death = lastDeath && {
    time: new Date(lastDeath.at_ms).toISOString(),
    code: lastDeath.code,
    message: lastDeath.message,
    self_inflicted: lastDeath.selfInflicted,
    report: lastDeath.report,
  };
  return { ...actor, state: phase, last_death: death };
}
