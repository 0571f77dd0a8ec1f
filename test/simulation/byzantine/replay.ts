import type { ConsensusMessage } from '../../../actors/pocket/chain/consensus.ts';
import type { Behaviour, Liar } from './liar.ts';

/** Messages it keeps: enough for a few heights of the past. */
const KEPT = 64;

/** Says again what anyone said long ago, to anyone. */
export function replay(liar: Liar): Behaviour {
  const kept: ConsensusMessage[] = [];
  const keep = (message: ConsensusMessage) => {
    if (kept.length < KEPT) kept.push(message);
    else if (liar.chance.happens(0.2)) kept[liar.chance.between(0, KEPT)] = message;
  };
  return {
    says(letter) {
      keep(letter.message);
      return [letter];
    },
    hears: keep,
    acts() {
      for (let i = 0; i < 3 && kept.length > 0; i++) {
        liar.send(liar.chance.pick(kept), liar.chance.sample(liar.others, 2));
      }
    },
  };
}
