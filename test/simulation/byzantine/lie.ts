import { MESSAGE_PROPOSE, STEP_NEWROUND, STEP_PRECOMMIT } from '../../../actors/pocket/chain/consensus.ts';
import type { Rules } from '../../../actors/pocket/consensus/core/rules.ts';
import type { Coalition } from './coalition.ts';
import type { Behaviour, Liar } from './liar.ts';

/**
 * Reports an old prepareQC or none, whatever it has seen, and keeps every other one that it makes to itself; its core goes
 * on with the stalest one that it knows.
 */
export function lie(liar: Liar): Behaviour {
  let view = '';
  let hoards = false;
  return {
    says(letter) {
      const { message } = letter;
      if (message.type !== MESSAGE_PROPOSE) return [letter];
      if (view !== `${message.height}/${message.round}`) {
        view = `${message.height}/${message.round}`;
        hoards = liar.chance.happens(0.7);
      }
      if (hoards && message.step >= STEP_PRECOMMIT) return [];
      if (message.step !== STEP_NEWROUND) return [letter];
      const { state } = liar.node;
      if (!state || message.height !== state.height) return [letter];
      const stale = liar.chance.happens(0.3) ? liar.coalition.stalest(message.height) : null;
      const justify = stale && stale.qc.round < message.round ? stale.bytes : state.tip.commitQc;
      if (justify === message.justify) return [letter];
      return [{ to: letter.to, message: liar.node.forge({ ...message, justify }) }];
    },
    // A certificate of another block than the one that it is served with.
    serves: (blocks) => {
      const first = liar.node.disk.committed[0];
      return blocks.map(({ block, commitQc }) => ({
        block,
        commitQc: first && liar.chance.happens(0.5) ? first.commitQc : commitQc,
      }));
    },
  };
}

/**
 * What the core of a liar believes: any lock may be broken, and the stalest prepareQC of all is the one to go on with,
 * where there is one; else the block of an earlier round is passed over.
 */
export function lyingRules(coalition: Coalition): Partial<Rules> {
  return {
    highest: (reported) => {
      const height = reported[0]?.qc.height;
      return height === undefined ? null : coalition.stalest(height);
    },
    mayPrepare: () => true,
  };
}
