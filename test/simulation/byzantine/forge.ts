import { blockHash, decodeBlock } from '../../../actors/pocket/chain/block.ts';
import { encodeCanonical } from '../../../actors/pocket/chain/canonical.ts';
import {
  type ConsensusMessage,
  encodeQc,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PREPARE,
} from '../../../actors/pocket/chain/consensus.ts';
import { QuorumCertificateSchema } from '../../../actors/pocket/chain/gen/consensus_pb.ts';
import { toHex } from '../../../actors/pocket/chain/hex.ts';
import type { Validator } from '../../../actors/pocket/chain/validators.ts';
import type { Behaviour, Liar } from './liar.ts';

/** What a certificate says, without who signed it. */
interface Claim {
  readonly height: bigint;
  readonly round: number;
  readonly step: number;
  readonly blockHash: Uint8Array;
}

/**
 * Shows certificates that nobody made: with signatures that are none, or with its own as often as there are validators. As a leader it
 * proposes a block of its own under one, else it announces a decision.
 */
export function forge(liar: Liar): Behaviour {
  return {
    says(letter) {
      const { message } = letter;
      const { type, step, round } = message;
      if (type !== MESSAGE_PROPOSE || round === 0 || !liar.chance.happens(0.5)) return [letter];
      if (step === STEP_NEWROUND) return [{ ...letter, message: reportsOwnBlock(liar, message) ?? message }];
      if (step === STEP_PREPARE) return [{ ...letter, message: proposesOwnBlock(liar, message) ?? message }];
      return [letter];
    },
    acts() {
      const { state } = liar.node;
      const block = state && liar.chance.happens(0.2) ? ownBlock(liar) : null;
      if (!state || !block) return;
      const { height, view } = state;
      const claim = { height, round: view.round, step: STEP_COMMIT, blockHash: block.blockHash };
      const content = { height, round: view.round, blockHash: block.blockHash };
      const message = { ...content, type: MESSAGE_PROPOSE, step: STEP_DECIDE, justify: certificate(liar, claim) };
      liar.send(liar.node.forge(message), liar.chance.sample(liar.others, 2));
    },
  };
}

function reportsOwnBlock(liar: Liar, message: ConsensusMessage): ConsensusMessage | null {
  const block = ownBlock(liar);
  if (!block) return null;
  const { height, round } = message;
  const claim = { height, round: round - 1, step: STEP_PREPARE, blockHash: block.blockHash };
  return liar.node.forge({ ...message, justify: certificate(liar, claim) });
}

function proposesOwnBlock(liar: Liar, message: ConsensusMessage): ConsensusMessage | null {
  const block = ownBlock(liar);
  if (!block) return null;
  const { height, round } = message;
  const claim = { height, round: round - 1, step: STEP_PREPARE, blockHash: block.blockHash };
  return liar.node.forge({ ...message, ...block, justify: certificate(liar, claim) });
}

/** A block on the tip that is nobody else's; whoever asks gets it. */
function ownBlock(liar: Liar): { block: Uint8Array; blockHash: Uint8Array } | null {
  const { node, chance } = liar;
  const { state } = node;
  const tip = node.disk.tip();
  if (!state || state.height !== tip.height + 1n) return null;
  const plan = {
    parent: tip.blockHash,
    height: state.height,
    timestamp_ms: tip.timestamp_ms + 1n,
    proposer: node.options.address,
    quorumCertificate: tip.commitQc ?? new Uint8Array(),
  };
  const block = node.disk.propose(plan, [Uint8Array.of(2, chance.between(0, 256))]);
  return { block, blockHash: blockHash(decodeBlock(block).header) };
}

function certificate(liar: Liar, claim: Claim): Uint8Array {
  return liar.chance.happens(0.5) ? ofOneSigner(liar, claim) : ofNobody(liar, claim);
}

/** Its own signature, once for each validator. The codec writes no such thing, so the fields are written by themselves. */
function ofOneSigner(liar: Liar, claim: Claim): Uint8Array {
  const vote = liar.node.forge({ ...claim, type: MESSAGE_VOTE });
  const own = { address: toHex(vote.address), signature: vote.signature };
  const signatures = validators(liar).map(() => own);
  return encodeCanonical(QuorumCertificateSchema, { ...claim, version: 1, thresholdSignature: { signatures } });
}

function ofNobody(liar: Liar, claim: Claim): Uint8Array {
  const signatures = validators(liar).map(({ address }) => ({ address, signature: new Uint8Array(64).fill(1) }));
  return encodeQc({ ...claim, signatures });
}

function validators({ node, world }: Liar): readonly Validator[] {
  return (node.state?.validators ?? world.keys.validators).list;
}
