import {
  type ConsensusMessage,
  encodeQc,
  MESSAGE_VOTE,
  type PartialSignature,
  type QuorumCertificate,
  STEP_PREPARE,
} from '../../../actors/pocket/chain/consensus.ts';
import { equalBytes, toHex } from '../../../actors/pocket/chain/hex.ts';
import { isQuorumOf, type ValidatorSet } from '../../../actors/pocket/chain/validators.ts';
import type { Certified, Rules } from '../../../actors/pocket/consensus/core/rules.ts';
import type { SimulatedNode } from '../node.ts';

/** What one faulty validator knows all of them know: votes, certificates, and the use of all their keys. */
export class Coalition {
  readonly members: SimulatedNode[] = [];
  /** A member makes up certificates. */
  forges = false;
  /** PrepareQCs of the present height, by the block and the round. */
  readonly #hoard = new Map<string, Certified>();
  readonly #votes = new Map<string, PartialSignature[]>();
  #height = 0n;

  has(address: Uint8Array): boolean {
    return this.members.some((member) => equalBytes(member.options.address, address));
  }

  /** Keeps the certificates that a message shows. */
  learn(rules: Rules, message: ConsensusMessage) {
    if (!message.justify) return;
    try {
      const qc = rules.decodeQc(message.justify);
      if (qc.step === STEP_PREPARE) this.#keep({ qc, bytes: message.justify });
    } catch {
      // Nothing of use to anyone.
    }
  }

  #keep(one: Certified) {
    if (one.qc.height < this.#height) return;
    if (one.qc.height > this.#height) {
      this.#height = one.qc.height;
      this.#hoard.clear();
      this.#votes.clear();
    }
    this.#hoard.set(`${one.qc.round} ${toHex(one.qc.blockHash)}`, one);
  }

  /** The prepareQC of the earliest round of a height: the worst to go on with. */
  stalest(height: bigint): Certified | null {
    if (height !== this.#height) return null;
    return [...this.#hoard.values()].reduce<Certified | null>(
      (worst, one) => (worst && worst.qc.round <= one.qc.round ? worst : one),
      null,
    );
  }

  /** True if its members have something to go on with against a lock of this view. */
  isReady(height: bigint, round: number): boolean {
    const stalest = this.stalest(height);
    return this.forges || (stalest !== null && stalest.qc.round < round);
  }

  /** Counts a vote, and those of all members for the same; the certificate once they are enough. */
  collect(vote: ConsensusMessage, validators: ValidatorSet): Certified | null {
    const { height, round, step, blockHash } = vote;
    if (vote.type !== MESSAGE_VOTE || !blockHash) return null;
    const place = `${height}/${round}/${step} ${toHex(blockHash)}`;
    const votes = this.#votes.get(place) ?? this.#own(vote);
    this.#votes.set(place, votes);
    const wasQuorum = isQuorumOf(validators, votes);
    if (wasQuorum || votes.some(({ address }) => equalBytes(address, vote.address))) return null;
    votes.push({ address: vote.address, signature: vote.signature });
    if (!isQuorumOf(validators, votes)) return null;
    const qc: QuorumCertificate = { height, round, step, blockHash, signatures: [...votes] };
    const certified = { qc, bytes: encodeQc(qc) };
    if (step === STEP_PREPARE) this.#keep(certified);
    return certified;
  }

  #own({ height, round, step, blockHash }: ConsensusMessage): PartialSignature[] {
    return this.members.map((member) => {
      const { address, signature } = member.forge({
        type: MESSAGE_VOTE,
        height,
        round,
        step,
        blockHash,
      });
      return { address, signature };
    });
  }
}
