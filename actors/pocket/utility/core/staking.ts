import { CodedError } from '../../../../runtime/errors.ts';
import { type Actor, NO_HEIGHT } from '../../chain/actor.ts';
import { addressOf } from '../../chain/address.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type {
  MessageEditStake,
  MessagePause,
  MessageStake,
  MessageUnpause,
  MessageUnstake,
} from '../../chain/messages.ts';
import type { BlockState } from './block-state.ts';
import { type StakingRules, stakingRules } from './rules.ts';

/**
 * What the messages of staked actors do (spec 5.2). Each checks everything before it writes anything: what it throws is the
 * result of a transaction whose fee is kept.
 */

/** @throws INSUFFICIENT_FUNDS, STAKE_BELOW_MINIMUM, ACTOR_EXISTS, ACTORS_FULL */
export function stake(state: BlockState, message: MessageStake): void {
  const rules = stakingRules(state.rules, message.actorType);
  const address = addressOf(message.publicKey);
  const existing = state.validators.get(toHex(address));
  if (existing !== undefined) {
    throw refuse('ACTOR_EXISTS', address, 'is staked already: edit the stake, or wait until it is paid out');
  }
  if (message.amount < rules.minimumStake) {
    throw refuse('STAKE_BELOW_MINIMUM', address, `must stake at least ${rules.minimumStake} uPOKT`);
  }
  if (state.validators.size >= rules.maxActors) {
    throw refuse('ACTORS_FULL', address, `finds ${rules.maxActors} staked, which is the limit: wait until one leaves`);
  }
  pay(state, rules, message.signer, message.amount);
  const { actorType, publicKey, chains, serviceUrl, amount, output } = message;
  state.validators.put({
    ...{ type: actorType, address, publicKey, chains, serviceUrl, stakedAmount: amount, output },
    ...{ pausedHeight: NO_HEIGHT, unstakingHeight: NO_HEIGHT, missedBlocks: 0n, punishedHeight: 0n },
  });
}

/** @throws INSUFFICIENT_FUNDS, STAKE_LOWERED, ACTOR_UNKNOWN, ACTOR_STATUS, TX_SIGNER_INVALID */
export function editStake(state: BlockState, message: MessageEditStake): void {
  const actor = mine(state, message);
  requireStaying(actor);
  if (message.amount < actor.stakedAmount) {
    throw refuse('STAKE_LOWERED', actor.address, `has staked ${actor.stakedAmount} uPOKT: a stake is never lowered`);
  }
  pay(state, stakingRules(state.rules, actor.type), message.signer, message.amount - actor.stakedAmount);
  const { chains, serviceUrl, amount } = message;
  state.validators.put({ ...actor, chains, serviceUrl, stakedAmount: amount });
}

/** @throws LAST_VALIDATOR, ACTOR_UNKNOWN, ACTOR_STATUS, TX_SIGNER_INVALID */
export function unstake(state: BlockState, message: MessageUnstake): void {
  const actor = mine(state, message);
  requireStaying(actor);
  requireOthers(state, actor);
  beginUnstaking(state, actor);
}

/** @throws LAST_VALIDATOR, ACTOR_PAUSED, ACTOR_UNKNOWN, ACTOR_STATUS, TX_SIGNER_INVALID */
export function pause(state: BlockState, message: MessagePause): void {
  const actor = mine(state, message);
  requireStaying(actor);
  if (actor.pausedHeight !== NO_HEIGHT) {
    throw refuse('ACTOR_PAUSED', actor.address, `is paused since height ${actor.pausedHeight}`);
  }
  requireOthers(state, actor);
  state.validators.put({ ...actor, pausedHeight: state.height });
}

/** @throws ACTOR_NOT_PAUSED, UNPAUSE_TOO_EARLY, ACTOR_UNKNOWN, ACTOR_STATUS, TX_SIGNER_INVALID */
export function unpause(state: BlockState, message: MessageUnpause): void {
  const actor = mine(state, message);
  requireStaying(actor);
  if (actor.pausedHeight === NO_HEIGHT) throw refuse('ACTOR_NOT_PAUSED', actor.address, 'is not paused');
  const first = actor.pausedHeight + stakingRules(state.rules, actor.type).minimumPauseBlocks;
  if (state.height < first) {
    throw refuse('UNPAUSE_TOO_EARLY', actor.address, `may be unpaused from height ${first} on`);
  }
  state.validators.put({ ...actor, pausedHeight: NO_HEIGHT, missedBlocks: 0n });
}

/** From the next height on the actor has no part in anything; its stake is paid out at the end of the stated height. */
export function beginUnstaking(state: BlockState, actor: Actor): void {
  const { unstakingBlocks } = stakingRules(state.rules, actor.type);
  state.validators.put({ ...actor, unstakingHeight: state.height + unstakingBlocks });
}

/** The end of a block, for those that leave: stakes that are due go to their outputs. */
export function payOut(state: BlockState): void {
  for (const actor of dueActors(state.validators.list(), state.height)) {
    const { pool } = stakingRules(state.rules, actor.type);
    state.pools.add(pool, -actor.stakedAmount);
    state.accounts.add(toHex(actor.output), actor.stakedAmount);
    state.validators.remove(actor.address);
  }
}

/** Those whose stake is paid out at the end of this height. */
export function dueActors(actors: Iterable<Actor>, height: bigint): Actor[] {
  return [...actors].filter(({ unstakingHeight }) => unstakingHeight !== NO_HEIGHT && unstakingHeight <= height);
}

/** The end of a block, for those that were paused too long: they begin to leave, once. */
export function retirePaused(state: BlockState): void {
  for (const actor of state.validators.list()) {
    const { pausedHeight, unstakingHeight } = actor;
    if (pausedHeight === NO_HEIGHT || unstakingHeight !== NO_HEIGHT) continue;
    const { maxPauseBlocks } = stakingRules(state.rules, actor.type);
    if (state.height - pausedHeight > maxPauseBlocks) beginUnstaking(state, actor);
  }
}

/** The actor that a message is about, if its signer may speak for it. @throws ACTOR_UNKNOWN, TX_SIGNER_INVALID */
function mine(state: BlockState, { address, signer }: { address: Uint8Array; signer: Uint8Array }): Actor {
  const actor = state.validators.get(toHex(address));
  if (actor === undefined) throw refuse('ACTOR_UNKNOWN', address, 'is not staked');
  if (equalBytes(signer, actor.address) || equalBytes(signer, actor.output)) return actor;
  throw refuse('TX_SIGNER_INVALID', address, 'obeys its operator and its output only');
}

/** @throws ACTOR_STATUS */
function requireStaying(actor: Actor): void {
  if (actor.unstakingHeight === NO_HEIGHT) return;
  throw refuse('ACTOR_STATUS', actor.address, `is leaving: its stake is paid out at height ${actor.unstakingHeight}`);
}

/** A block that leaves nobody to decide the next one would be the last. @throws LAST_VALIDATOR */
function requireOthers(state: BlockState, actor: Actor): void {
  if (!state.validators.isLastActive(actor)) return;
  throw refuse('LAST_VALIDATOR', actor.address, 'is the last one active: without it no block could follow');
}

/** @throws INSUFFICIENT_FUNDS */
function pay(state: BlockState, { pool }: StakingRules, signer: Uint8Array, amount: bigint): void {
  const payer = toHex(signer);
  const balance = state.accounts.get(payer);
  if (balance < amount) {
    throw new CodedError('INSUFFICIENT_FUNDS', `the fee was paid, and ${balance} uPOKT are left for ${amount}`, {
      address: payer,
      balance,
      needed: amount,
    });
  }
  state.accounts.add(payer, -amount);
  state.pools.add(pool, amount);
}

function refuse(code: string, address: Uint8Array, reason: string): CodedError {
  const actor = toHex(address);
  return new CodedError(code, `validator ${actor} ${reason}`, { actor });
}
