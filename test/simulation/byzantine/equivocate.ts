import { blockHash, decodeBlock } from '../../../actors/pocket/chain/block.ts';
import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_PREPARE,
} from '../../../actors/pocket/chain/consensus.ts';
import { equalBytes } from '../../../actors/pocket/chain/hex.ts';
import type { Behaviour, Liar } from './liar.ts';

/**
 * Proposes one block to some and another one to the others, goes on with whichever gets its votes, with both if it can,
 * and votes for everything that anyone proposes.
 */
export function equivocate(liar: Liar): Behaviour {
  const { address } = liar.node.options;
  let view = '';
  let other: ConsensusMessage | null = null;
  return {
    says(letter) {
      const { type, step, height, round } = letter.message;
      if (type !== MESSAGE_PROPOSE || step !== STEP_PREPARE) return [letter];
      if (view !== `${height}/${round}`) {
        view = `${height}/${round}`;
        other = alternative(liar, letter.message);
      }
      return [other && liar.chance.happens(0.5) ? { to: letter.to, message: other } : letter];
    },
    hears(message) {
      const { type, step, height, round } = message;
      if (step < STEP_PREPARE || step > STEP_COMMIT || !message.blockHash) return;
      if (type === MESSAGE_PROPOSE) {
        const vote = liar.node.forge({ type: MESSAGE_VOTE, height, round, step, blockHash: message.blockHash });
        liar.send(vote, [message.address]);
        return;
      }
      const { state } = liar.node;
      const leads = state?.view.leads && state.height === height && state.view.round === round;
      const certified = leads ? liar.coalition.collect(message, state.validators) : null;
      if (!certified) return;
      const content = { height, round, blockHash: message.blockHash, justify: certified.bytes };
      liar.send(liar.node.forge({ ...content, type: MESSAGE_PROPOSE, step: step + 1 }), liar.others);
    },
  };

  function alternative(from: Liar, message: ConsensusMessage): ConsensusMessage | null {
    const { header } = decodeBlock(message.block!);
    const { disk } = from.node;
    if (!equalBytes(header.parentHash, disk.tip().blockHash) || !equalBytes(header.proposerAddress, address)) {
      return null;
    }
    const plan = { ...header, parent: header.parentHash, proposer: address };
    const block = disk.propose(plan, [Uint8Array.of(1, from.chance.between(0, 256))]);
    return from.node.forge({ ...message, block, blockHash: blockHash(decodeBlock(block).header) });
  }
}
