import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PREPARE,
} from '../../../actors/pocket/chain/consensus.ts';
import { sha256 } from '../../../wasm/hash.ts';
import type { Behaviour, Liar } from './liar.ts';

/** Messages at a time. */
const BURST = 6;

/** Messages of any place, near and far, with blocks and certificates that are none. */
export function flood(liar: Liar): Behaviour {
  return {
    acts() {
      const { state } = liar.node;
      if (!state) return;
      for (let i = 0; i < BURST; i++) {
        liar.send(nonsense(liar, state.height, state.view.round), liar.chance.sample(liar.others, 3));
      }
    },
  };
}

function nonsense(liar: Liar, height: bigint, round: number): ConsensusMessage {
  const { chance } = liar;
  const place = {
    height: height + BigInt(chance.pick([0, 0, 1, 1_000])),
    round: round + chance.pick([0, 1, 2, 1_000_000]),
  };
  const garbage = sha256(Uint8Array.of(chance.between(0, 256)));
  const vote = chance.happens(0.4);
  if (vote) {
    const step = chance.between(STEP_PREPARE, STEP_COMMIT + 1);
    return liar.node.forge({ ...place, type: MESSAGE_VOTE, step, blockHash: garbage });
  }
  const step = chance.between(STEP_NEWROUND, STEP_DECIDE + 1);
  return liar.node.forge({
    ...place,
    type: MESSAGE_PROPOSE,
    step,
    blockHash: step === STEP_NEWROUND ? null : garbage,
    block: step === STEP_PREPARE ? garbage : null,
    timeout: step === STEP_PREPARE && place.round > 0 ? garbage : null,
    justify: chance.happens(0.5) || step > STEP_PREPARE ? garbage : null,
  });
}
