import { CodedError } from '../../../../runtime/errors.ts';
import type { Header } from '../../chain/block.ts';
import type { ValidatorSet } from '../../chain/validators.ts';
import type { StateTries } from './tries.ts';

/** A committed state, as a proof needs it. */
export interface CommittedState {
  readonly header: Header;
  /** Null for genesis. */
  readonly commitQc: Uint8Array | null;
  readonly tries: StateTries;
  /** Who decided this block. */
  readonly voters: ValidatorSet;
}

/** How many heights can be proven. */
export interface ProofLimits {
  /** That of the tip among them; 0: none. */
  readonly heights: number;
  /** What the nodes of other states than the tip may take: the oldest give way. */
  readonly memory_bytes: number;
}

/**
 * The states of the last heights below the tip, for proofs. Each shares with the next whatever its block did not change,
 * so it costs what that block replaced. They are in memory only: a new life begins with none.
 */
export class RecentStates {
  readonly #limits: ProofLimits;
  /** By ascending height, without gaps. */
  #states: CommittedState[] = [];

  constructor(limits: ProofLimits) {
    this.#limits = limits;
  }

  /** Heights that can be proven now, that of the tip among them. */
  get heights(): number {
    return this.#limits.heights === 0 ? 0 : this.#states.length + 1;
  }

  /** Takes over the state that `tip` follows. What is too old by now, or takes too much memory, is released. */
  add(state: CommittedState, tip: CommittedState): void {
    this.#states.push(state);
    while (this.#isOver(tip.tries)) this.#states.shift()?.tries.release();
  }

  #isOver(tip: StateTries): boolean {
    const { heights, memory_bytes } = this.#limits;
    if (this.#states.length === 0) return false;
    return this.#states.length + 1 > heights || tip.others_bytes > memory_bytes;
  }

  /**
   * @param height 0 means the tip
   * @param tip the last committed state
   * @throws PROOF_PRUNED for a height whose state is gone, BLOCK_NOT_FOUND for one that is not committed yet
   */
  find(height: bigint, tip: CommittedState): CommittedState {
    const last = tip.header.height;
    if (height > last) {
      throw new CodedError('BLOCK_NOT_FOUND', `no block is committed at height ${height}: the latest is ${last}`, {
        height,
        latest: last,
      });
    }
    const all = this.#limits.heights === 0 ? [] : [...this.#states, tip];
    const found = height === 0n ? all.at(-1) : all.find(({ header }) => header.height === height);
    if (found !== undefined) return found;
    const oldest = all[0]?.header.height ?? null;
    const advice =
      oldest === null
        ? 'this node keeps no states for proofs (database.proof_heights is 0): ask another'
        : `the oldest that this node can prove is ${oldest}: ask for a later one`;
    throw new CodedError('PROOF_PRUNED', `the state of height ${height} is not kept any more: ${advice}`, {
      height,
      oldest,
    });
  }

  /** Gives up all but the tip. True if that freed anything. */
  release(): boolean {
    const states = this.#states;
    this.#states = [];
    for (const { tries } of states) tries.release();
    return states.length > 0;
  }
}
