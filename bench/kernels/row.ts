import type { Timing } from './compare.ts';

/** A line of the table: what our kernel does against what one would use instead. */
export interface Row {
  readonly id: string;
  /** In words. */
  readonly work: string;
  readonly ops_per_s: number;
  /** Whom the ratio is against. */
  readonly against: string;
  /** Higher is better. */
  readonly ratio: number;
  /** What we have set ourselves to reach. */
  readonly at_least: number;
  /** All that were measured side by side, ours first. Empty where the anchor is a published figure. */
  readonly candidates: readonly Timing[];
}

/** What a suite gives for a row before it is measured. */
export interface RowPlan {
  readonly id: string;
  readonly work: string;
  readonly at_least: number;
}

/** A row of candidates that were measured side by side: ours comes first, the ratio is against `against`. */
export function rowOf(plan: RowPlan, timings: readonly Timing[], against: string): Row {
  const ours = timings[0]!;
  const anchor = timings.find(({ name }) => name === against)!;
  return {
    ...plan,
    ops_per_s: 1e9 / ours.median_ns,
    against,
    ratio: anchor.median_ns / ours.median_ns,
    candidates: timings,
  };
}
