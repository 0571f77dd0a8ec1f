import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { SignRequest } from '../../actors/host/signer/protocol.ts';
import {
  MESSAGE_VOTE,
  type SignedView,
  STEP_COMMIT,
  STEP_NEWROUND,
  STEP_PREPARE,
} from '../../actors/pocket/chain/consensus.ts';
import { BlockHeaderSchema, BlockSchema } from '../../actors/pocket/chain/gen/block_pb.ts';
import { QuorumCertificateSchema } from '../../actors/pocket/chain/gen/consensus_pb.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import type { ValidatorSet } from '../../actors/pocket/chain/validators.ts';
import { sha256 } from '../../wasm/hash.ts';
import type { Committed } from './disk.ts';

/** What must hold at every step of every run. */
export type Invariant =
  /** Two honest nodes never commit different blocks at one height. */
  | 'agreement'
  /** What an honest node commits was voted for by more than two thirds of the validators. */
  | 'quorum'
  /** An honest key signs one content for one height, round, step and type. */
  | 'double_vote'
  /** An honest machine votes against what it is locked on only if a quorum prepared the other block since. */
  | 'lock'
  /** Honest nodes have one state at one height. */
  | 'state'
  /** After the faults, all honest nodes go on. */
  | 'liveness'
  /** No input ends a core. */
  | 'crash';

/** An invariant does not hold. */
export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string, options?: ErrorOptions) {
    super(`${invariant}: ${message}`, options);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

/** A simulated node as the judge sees it. */
interface Machine {
  readonly name: string;
  readonly options: { readonly address: Uint8Array; readonly liar: boolean };
  readonly disk: { readonly committed: readonly Committed[] };
}

interface Lock {
  readonly height: bigint;
  readonly round: number;
  readonly blockHash: string;
}

/**
 * Watches all that is signed and committed. It shares no code with the rules that it checks: certificates are read
 * field by field, and a signature is genuine if it is in the list of all that were ever made.
 */
export class Judge {
  /** Who decides a height, as the first honest node to commit the one before computed it; the index is height - 1. */
  readonly #sets: ValidatorSet[];
  /** Signatures ever made on votes: by place and block, of each validator. */
  readonly #votes = new Map<string, Map<string, string>>();
  /** What honest keys signed, by key and place. */
  readonly #contents = new Map<string, string>();
  /** What a machine has voted to commit last. */
  readonly #locks = new Map<Machine, Lock>();
  readonly #blocks: string[] = [];
  readonly #states: string[] = [];

  /** @param validators those of the genesis */
  constructor(validators: ValidatorSet) {
    this.#sets = [validators];
  }

  /** Heights that an honest node has committed. */
  get height(): number {
    return this.#blocks.length;
  }

  /** Somebody, honest or not, made a signature. */
  made(address: Uint8Array, view: SignedView, signature: Uint8Array) {
    if (view.type !== MESSAGE_VOTE || !view.blockHash) return;
    const place = placeOf(view.height, view.round, view.step, toHex(view.blockHash));
    const votes = this.#votes.get(place) ?? new Map<string, string>();
    this.#votes.set(place, votes);
    votes.set(toHex(address), toHex(signature));
  }

  /** A signature leaves the signer of a machine. */
  released(machine: Machine, request: SignRequest) {
    if (machine.options.liar || request.step === STEP_NEWROUND || !request.blockHash) return;
    const blockHash = toHex(request.blockHash);
    const { height, round, step, type } = request;
    const place = `${machine.name} ${height}/${round}/${step}/${type}`;
    const earlier = this.#contents.get(place);
    if (earlier !== undefined && earlier !== blockHash) {
      throw new Violation('double_vote', `${place} signs ${short(blockHash)} after ${short(earlier)}`);
    }
    this.#contents.set(place, blockHash);
    if (type !== MESSAGE_VOTE) return;
    if (step === STEP_PREPARE) this.#checkLock(machine, { height, round, blockHash });
    if (step === STEP_COMMIT) this.#locks.set(machine, { height, round, blockHash });
  }

  #checkLock(machine: Machine, vote: Lock) {
    const lock = this.#locks.get(machine);
    if (!lock || lock.height !== vote.height || lock.blockHash === vote.blockHash) return;
    for (let round = lock.round + 1; round < vote.round; round++) {
      const voters = this.#votes.get(placeOf(vote.height, round, STEP_PREPARE, vote.blockHash));
      if (voters && this.#isQuorum(vote.height, voters.keys())) return;
    }
    const { height, round, blockHash } = vote;
    throw new Violation(
      'lock',
      `${machine.name} votes in ${height}/${round} for ${short(blockHash)}, locked on ${short(lock.blockHash)} since round ${lock.round}`,
    );
  }

  /** A machine has committed a block; the last of its list. */
  committed(machine: Machine) {
    const { committed } = machine.disk;
    const height = committed.length;
    const last = committed[height - 1]!;
    if (machine.options.liar) return;
    const hash = toHex(last.hash);
    this.#blocks[height - 1] ??= hash;
    if (this.#blocks[height - 1] !== hash) {
      const other = short(this.#blocks[height - 1]!);
      throw new Violation('agreement', `${machine.name} commits ${short(hash)} at height ${height}, others ${other}`);
    }
    this.#checkQuorum(machine.name, height, last);
    const { hash: stateHash, validators } = last.state;
    const members = validators.list.map(({ address, power }) => `${toHex(address)} ${power}`);
    const state = `${toHex(stateHash)} ${members}`;
    this.#sets[height] ??= validators;
    this.#states[height - 1] ??= state;
    if (this.#states[height - 1] !== state) {
      throw new Violation('state', `${machine.name} has another state than the others at height ${height}`);
    }
  }

  #checkQuorum(name: string, height: number, { bytes, commitQc }: Committed) {
    const header = fromBinary(BlockSchema, bytes).blockHeader!;
    const hash = toHex(sha256(toBinary(BlockHeaderSchema, header)));
    const qc = fromBinary(QuorumCertificateSchema, commitQc);
    const genuine = this.#votes.get(placeOf(BigInt(height), qc.round, STEP_COMMIT, hash));
    const voters = new Set<string>();
    for (const { address, signature } of qc.thresholdSignature?.signatures ?? []) {
      if (genuine?.get(address) === toHex(signature)) voters.add(address);
    }
    const fits = qc.height === BigInt(height) && qc.step === STEP_COMMIT && toHex(qc.blockHash) === hash;
    if (fits && this.#isQuorum(qc.height, voters)) return;
    throw new Violation(
      'quorum',
      `${name} commits ${short(hash)} at height ${height} on ${voters.size} genuine votes of ${this.#sets[height - 1]?.list.length} validators`,
    );
  }

  /** More than two thirds of the power of those who decide the height; each of them once. */
  #isQuorum(height: bigint, voters: Iterable<string>): boolean {
    const names = new Set(voters);
    let all = 0n;
    let agreed = 0n;
    for (const { address, power } of this.#sets[Number(height) - 1]?.list ?? []) {
      all += power;
      if (names.has(toHex(address))) agreed += power;
    }
    return 3n * agreed > 2n * all;
  }
}

function placeOf(height: bigint, round: number, step: number, blockHash: string): string {
  return `${height}/${round}/${step}/${blockHash}`;
}

function short(blockHash: string): string {
  return blockHash.slice(0, 6);
}
