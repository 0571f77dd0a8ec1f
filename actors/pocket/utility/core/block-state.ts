import type { ActorBook } from './actor-book.ts';
import type { Balances } from './balances.ts';
import type { LedgerRules } from './rules.ts';

/** The state inside a block: every step of it reads what the steps before have written. */
export interface BlockState {
  readonly rules: LedgerRules;
  readonly height: bigint;
  readonly accounts: Balances;
  readonly pools: Balances;
  readonly validators: ActorBook;
}
