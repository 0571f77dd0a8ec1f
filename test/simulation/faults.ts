import { BEHAVIOURS, type BehaviourName } from './byzantine/behaviours.ts';

/** What can go wrong in a run, by the name that `--faults` takes. */
export const FAULTS = {
  loss: 'messages are lost',
  delay: 'messages come late, and those behind them on the same way',
  duplication: 'messages come twice',
  reordering: 'messages overtake each other',
  partition: 'the network falls into groups',
  'one-way': 'some nodes do not hear some others, but are heard',
  skew: 'clocks are off',
  drift: 'clocks run fast or slow',
  crash: 'actors and processes end and come back',
  power: 'machines fail and forget what they had not synced',
  'slow-disk': 'disks take long to sync',
  trouble: 'actors answer with unexpected errors',
  validators: 'validators join and leave',
  lie: 'byzantine: reports stale certificates and goes on with them, serves wrong ones',
  equivocate: 'byzantine: proposes two blocks, votes for everything',
  forge: 'byzantine: shows certificates that nobody made',
  withhold: 'byzantine: tells decisions, proposals and votes to some only',
  silent: 'byzantine: says nothing in every other view',
  replay: 'byzantine: says again what anyone said long ago',
  flood: 'byzantine: says nonsense, often',
  siege: 'the network helps the byzantine: a block is locked, and only they may go on',
  twins: 'byzantine: two honest instances with one key and a disk each',
} as const;
export type Fault = keyof typeof FAULTS;

const BYZANTINE: readonly Fault[] = [...(Object.keys(BEHAVIOURS) as BehaviourName[]), 'siege', 'twins'];
export const ALL_FAULTS = Object.keys(FAULTS) as Fault[];

/** Names for several at once. */
export const FAULT_GROUPS: Readonly<Record<string, readonly Fault[]>> = {
  all: ALL_FAULTS,
  none: [],
  network: ['loss', 'delay', 'duplication', 'reordering', 'partition', 'one-way'],
  clocks: ['skew', 'drift'],
  chain: ['validators'],
  machines: ['crash', 'power', 'slow-disk', 'trouble'],
  byzantine: BYZANTINE,
};

/** How often each happened. */
export type FaultCounts = Partial<Record<Fault, number>>;

export function isByzantine(fault: Fault): boolean {
  return BYZANTINE.includes(fault);
}

export function addCounts(to: FaultCounts, counts: FaultCounts) {
  for (const [fault, count] of Object.entries(counts) as [Fault, number][]) to[fault] = (to[fault] ?? 0) + count;
}
