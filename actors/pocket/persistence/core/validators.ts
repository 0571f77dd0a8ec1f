import { ACTOR_VALIDATOR, type Actor } from '../../chain/actor.ts';
import { type Genesis, maxValidators } from '../../chain/genesis.ts';
import { compareBytes, toHex } from '../../chain/hex.ts';
import {
  activeValidators,
  type ValidatorSet,
  type VoteWeight,
  validatorSet,
  validatorSetHash,
} from '../../chain/validators.ts';
import type { ChangeSet } from '../protocol.ts';

/** What of a network says who of its validators decide. */
export interface ValidatorRules {
  readonly weight: VoteWeight;
  /** Most that decide one height. */
  readonly limit: number;
}

export function validatorRules(genesis: Genesis): ValidatorRules {
  return { weight: genesis.voteWeight, limit: maxValidators(genesis) };
}

/** The validators of one state. Immutable; a block that changes none has those of its parent. */
export class Validators {
  readonly #rules: ValidatorRules;
  readonly #actors: ReadonlyMap<string, Actor>;
  /** Who decides the height after the state. */
  readonly active: ValidatorSet;
  /** validatorSetHash of `active`. */
  readonly hash: Uint8Array;

  private constructor(rules: ValidatorRules, actors: ReadonlyMap<string, Actor>) {
    this.#rules = rules;
    this.#actors = actors;
    this.active = validatorSet(activeValidators(actors.values(), rules.weight, rules.limit));
    this.hash = validatorSetHash(this.active);
  }

  /** @throws VALIDATORS_INVALID where nobody is left to decide */
  static of(rules: ValidatorRules, actors: readonly Actor[]): Validators {
    const validators = actors.filter(({ type }) => type === ACTOR_VALIDATOR);
    return new Validators(rules, new Map(validators.map((actor) => [toHex(actor.address), actor])));
  }

  /** By ascending address, whatever their status. */
  get actors(): Actor[] {
    return [...this.#actors.values()].sort((a, b) => compareBytes(a.address, b.address));
  }

  /** @throws VALIDATORS_INVALID where nobody is left to decide */
  after({ actors, removedActors }: Pick<ChangeSet, 'actors' | 'removedActors'>): Validators {
    const changed = actors.filter(({ type }) => type === ACTOR_VALIDATOR);
    const removed = removedActors.filter(({ type }) => type === ACTOR_VALIDATOR);
    if (changed.length === 0 && removed.length === 0) return this;
    const next = new Map(this.#actors);
    for (const actor of changed) next.set(toHex(actor.address), actor);
    for (const { address } of removed) next.delete(toHex(address));
    return new Validators(this.#rules, next);
  }
}
