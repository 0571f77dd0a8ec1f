import {
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
} from '../../../actors/pocket/chain/consensus.ts';
import type { Behaviour, Liar } from './liar.ts';

/**
 * Tells a decision to one in three, its proposals to most, its votes not always: each knows something else. In some views it
 * keeps the prepareQC that it made to itself, in some it lets others lock and not decide.
 */
export function withhold(liar: Liar): Behaviour {
  let view = '';
  let hoards = false;
  let stalls = false;
  return {
    says(letter) {
      const { type, step, height, round } = letter.message;
      if (step === STEP_NEWROUND) return [letter];
      if (view !== `${height}/${round}`) {
        view = `${height}/${round}`;
        hoards = liar.chance.happens(0.3);
        stalls = liar.chance.happens(0.5);
      }
      if (hoards && step >= STEP_PRECOMMIT) return [];
      if (stalls && type === MESSAGE_VOTE && step === STEP_COMMIT) return [];
      const told = type === MESSAGE_VOTE ? 0.8 : step === STEP_DECIDE ? 0.3 : 0.7;
      return liar.chance.happens(told) ? [letter] : [];
    },
    serves: (blocks) => (liar.chance.happens(0.5) ? [...blocks] : []),
  };
}
