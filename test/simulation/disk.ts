import { type SafetyState, UNSIGNED_STATE } from '../../actors/host/signer/core/rules.ts';
import {
  type Block,
  blockHash,
  bodyRoot,
  decodeBlock,
  encodeBlock,
  type Header,
} from '../../actors/pocket/chain/block.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import type { Validator, ValidatorSet } from '../../actors/pocket/chain/validators.ts';
import type { Tip } from '../../actors/pocket/persistence/protocol.ts';
import { CodedError } from '../../runtime/errors.ts';
import { sha256 } from '../../wasm/hash.ts';
import { Durable } from './durable.ts';
import { NETWORK_ID } from './keys.ts';
import { applyTransactions, type LedgerState, setHash } from './ledger.ts';

const GENESIS_HASH = sha256(new TextEncoder().encode('genesis'));
/** Time zero of every run, in ms of the virtual clock. */
export const GENESIS_MS = 1_000_000;

interface Stored {
  readonly bytes: Uint8Array;
  readonly block: Block;
  readonly hash: Uint8Array;
}

/** A committed block, its certificate, who decided it, and the state that this node computed of it. */
export interface Committed extends Stored {
  readonly commitQc: Uint8Array;
  readonly voters: ValidatorSet;
  readonly state: LedgerState;
}

/** A block as the ledger is asked for it. */
export interface Plan {
  parent: Uint8Array;
  height: bigint;
  timestamp_ms: bigint;
  proposer: Uint8Array;
  quorumCertificate: Uint8Array;
}

/** Reading a block is pure, and all nodes of a world read the same bytes. */
const READ = new WeakMap<Uint8Array, Stored>();

/**
 * What outlives a crash of a simulated node: a model of the signer's record, and of what ledger and database answer by
 * their protocols. A change of the database is a transaction: it is seen once it is synced, and may or may not have
 * happened if the machine stops while it is under way.
 */
export class Disk {
  readonly record = new Durable<SafetyState>(UNSIGNED_STATE);
  readonly committed: Committed[] = [];
  readonly #staged = new Map<string, Stored>();
  readonly #genesis: LedgerState;
  /** All that may be validators, by ascending address. */
  readonly #keys: readonly Validator[];
  /** Transactions under way, in order. */
  #open: (() => void)[] = [];

  /** @param keys who may become a validator later; those of the genesis are among them */
  constructor(genesis: ValidatorSet, keys: readonly Validator[] = genesis.list) {
    this.#genesis = { hash: GENESIS_HASH, validators: genesis };
    this.#keys = keys;
  }

  /** After the last committed block. */
  get state(): LedgerState {
    return this.committed.at(-1)?.state ?? this.#genesis;
  }

  /** Who decides, or decided, a height up to the next. */
  votersOf(height: bigint): ValidatorSet {
    return this.committed[Number(height) - 1]?.voters ?? this.state.validators;
  }

  tip(): Tip {
    const last = this.committed.at(-1);
    const validators = [...this.state.validators.list];
    if (!last) {
      const block = { height: 0n, blockHash: GENESIS_HASH, stateHash: GENESIS_HASH, timestamp_ms: BigInt(GENESIS_MS) };
      return { ...block, commitQc: null, voters: validators, validators };
    }
    const { hash, commitQc, state } = last;
    const { height, timestamp_ms } = last.block.header;
    const voters = [...last.voters.list];
    return { height, blockHash: hash, stateHash: state.hash, timestamp_ms, commitQc, voters, validators };
  }

  /** A block on our tip. @throws PARENT_UNKNOWN */
  build(plan: Plan, transactions: Uint8Array[]): Uint8Array {
    const before = this.#onTip(plan.parent);
    const after = applyTransactions(before, transactions, this.#keys);
    const header: Header = {
      height: plan.height,
      networkId: NETWORK_ID,
      stateHash: after.hash,
      prevStateHash: before.hash,
      proposerAddress: plan.proposer,
      quorumCertificate: plan.quorumCertificate,
      timestamp_ms: plan.timestamp_ms,
      stateTreeHashes: [{ name: 'account', root: after.hash }],
      valSetHash: setHash(before.validators),
      nextValSetHash: setHash(after.validators),
      version: 1,
      parentHash: plan.parent,
      bodyRoot: bodyRoot(transactions),
    };
    return encodeBlock({ header, transactions });
  }

  /** Executes a block. @throws PARENT_UNKNOWN, BLOCK_INVALID */
  check(bytes: Uint8Array) {
    const { header, transactions } = read(bytes).block;
    const after = applyTransactions(this.#onTip(header.parentHash), transactions, this.#keys);
    if (!equalBytes(header.stateHash, after.hash)) throw new CodedError('BLOCK_INVALID', 'the state hash differs');
    if (!equalBytes(header.nextValSetHash, setHash(after.validators))) {
      throw new CodedError('BLOCK_INVALID', 'the next validators differ');
    }
  }

  stage(bytes: Uint8Array) {
    const stored = read(bytes);
    this.#staged.set(toHex(stored.hash), stored);
  }

  /** Of a block that is staged; a second time changes nothing. @throws BLOCK_NOT_STAGED, COMMIT_CONFLICT */
  commit(hash: Uint8Array, commitQc: Uint8Array) {
    const staged = this.committable(hash);
    if (!staged) return;
    const { state } = this;
    const after = applyTransactions(state, staged.block.transactions, this.#keys);
    this.committed.push({ ...staged, commitQc, voters: state.validators, state: after });
    this.#staged.clear();
  }

  /** The staged block, null if it is committed already. @throws BLOCK_NOT_STAGED, COMMIT_CONFLICT */
  committable(hash: Uint8Array): Stored | null {
    const tip = this.tip();
    if (equalBytes(tip.blockHash, hash)) return null;
    const staged = this.#staged.get(toHex(hash));
    if (!staged) throw new CodedError('BLOCK_NOT_STAGED', 'execute it first');
    if (!equalBytes(staged.block.header.parentHash, tip.blockHash)) {
      throw new CodedError('COMMIT_CONFLICT', 'another block has this height');
    }
    return staged;
  }

  propose(plan: Plan, transactions: Uint8Array[]): Uint8Array {
    const bytes = this.build(plan, transactions);
    this.stage(bytes);
    return bytes;
  }

  execute(bytes: Uint8Array) {
    this.check(bytes);
    this.stage(bytes);
  }

  find(hash: Uint8Array): Uint8Array | null {
    const found = this.#staged.get(toHex(hash)) ?? this.committed.find((one) => equalBytes(one.hash, hash));
    return found?.bytes ?? null;
  }

  /** Sends a transaction on its way; the answer ends it, and it is seen. */
  begin(change: () => void): () => void {
    this.#open.push(change);
    return () => {
      const open = this.#open.length;
      this.#open = this.#open.filter((one) => one !== change);
      if (this.#open.length < open) change();
    };
  }

  /** The process ended. @param happened whether a transaction under way reached the database's log */
  interrupt(happened: () => boolean) {
    for (const change of this.#open) if (happened()) change();
    this.#open = [];
  }

  #onTip(parent: Uint8Array): LedgerState {
    const last = this.committed.at(-1);
    if (!equalBytes(parent, last?.hash ?? GENESIS_HASH)) throw new CodedError('PARENT_UNKNOWN', 'not our tip');
    return this.state;
  }
}

function read(bytes: Uint8Array): Stored {
  const earlier = READ.get(bytes);
  if (earlier) return earlier;
  const block = decodeBlock(bytes);
  const stored = { bytes, block, hash: blockHash(block.header) };
  READ.set(bytes, stored);
  return stored;
}
