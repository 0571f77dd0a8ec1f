import { CodedError } from '../../../../runtime/errors.ts';
import { type Actor, NO_HEIGHT } from '../../chain/actor.ts';
import type { Evidence } from '../../chain/evidence.ts';
import { toHex } from '../../chain/hex.ts';
import { isActive } from './actor-book.ts';
import type { BlockState } from './block-state.ts';
import { stakingRules } from './rules.ts';
import { beginUnstaking } from './staking.ts';

/**
 * The begin of a block: of those that decided the parent and are active still, who did not sign its certificate has missed one
 * more in a row. Only what is in the header counts, so that all nodes count alike.
 * @param voters hex addresses of those that decided the parent
 * @param signers hex addresses in its certificate
 */
export function countMissed(state: BlockState, voters: readonly string[], signers: ReadonlySet<string>): void {
  for (const address of voters) {
    const actor = state.validators.get(address);
    if (actor === undefined || !isActive(actor)) continue;
    if (!signers.has(address)) miss(state, actor);
    // A row is written for a change only: an honest network writes none.
    else if (actor.missedBlocks > 0n) state.validators.put({ ...actor, missedBlocks: 0n });
  }
}

function miss(state: BlockState, actor: Actor): void {
  const missedBlocks = actor.missedBlocks + 1n;
  if (missedBlocks < state.rules.maximumMissedBlocks) {
    state.validators.put({ ...actor, missedBlocks });
    return;
  }
  punish(state, { ...actor, missedBlocks: 0n }, state.rules.missedBlocksBurnPercentage);
}

/**
 * May this evidence stand in a block of this height? Its signatures are verified by the caller.
 * @param offender the validator in the state, undefined where there is none
 * @throws EVIDENCE_OFFENDER_UNKNOWN, EVIDENCE_PUNISHED
 */
export function requirePunishable(offender: Actor | undefined, { first, address }: Evidence): void {
  const data = { validator: toHex(address), height: first.height };
  if (offender === undefined) {
    throw new CodedError('EVIDENCE_OFFENDER_UNKNOWN', 'Who signed twice is no validator, or no longer one.', data);
  }
  if (offender.punishedHeight < first.height) return;
  throw new CodedError(
    'EVIDENCE_PUNISHED',
    `The validator was punished for an offence at height ${offender.punishedHeight}: at this height or below nothing counts any more.`,
    data,
  );
}

/** Punishes for evidence that requirePunishable let pass. Who is paused or leaving loses a part of the stake all the same. */
export function punishDoubleSign(state: BlockState, { first, address }: Evidence): void {
  const offender = state.validators.get(toHex(address))!;
  punish(state, { ...offender, punishedHeight: first.height }, state.rules.doubleSignBurnPercentage);
}

/**
 * Burns, pauses, and sends away who has less than the minimum then. The last active validator goes on: a network that nobody
 * decides for would punish everyone.
 */
function punish(state: BlockState, actor: Actor, percentage: bigint): void {
  const { pool, minimumStake } = stakingRules(state.rules, actor.type);
  const isLast = state.validators.isLastActive(actor);
  const share = (actor.stakedAmount * percentage) / 100n;
  // Of the last one something is left: where stakes are votes, no stake would be no quorum.
  const burned = isLast && share > 0n && share === actor.stakedAmount ? share - 1n : share;
  const stakedAmount = actor.stakedAmount - burned;
  state.pools.add(pool, -burned);
  const pausedHeight = isLast || !isActive(actor) ? actor.pausedHeight : state.height;
  const punished = { ...actor, stakedAmount, pausedHeight };
  state.validators.put(punished);
  const leaves = !isLast && stakedAmount < minimumStake && actor.unstakingHeight === NO_HEIGHT;
  if (leaves) beginUnstaking(state, punished);
}
