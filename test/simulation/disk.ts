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
import { type Validator, type ValidatorSet, validatorSetHash } from '../../actors/pocket/chain/validators.ts';
import type { Tip } from '../../actors/pocket/persistence/protocol.ts';
import { CodedError } from '../../runtime/errors.ts';
import { sha256 } from '../../wasm/hash.ts';
import { NETWORK_ID } from './keys.ts';

const GENESIS_HASH = sha256(new TextEncoder().encode('genesis'));
/** Time zero of every run, in ms of the virtual clock. */
export const GENESIS_MS = 1_000_000;

interface Stored {
  bytes: Uint8Array;
  block: Block;
  hash: Uint8Array;
}

/** A block as the ledger is asked for it. */
export interface Plan {
  parent: Uint8Array;
  height: bigint;
  timestamp_ms: bigint;
  proposer: Uint8Array;
  quorumCertificate: Uint8Array;
}

/**
 * What outlives a crash of a simulated node: a model of the signer's record, and of what ledger and database answer by
 * their protocols. The state of the chain is the hash of all bodies.
 */
export class Disk {
  safety: SafetyState = UNSIGNED_STATE;
  readonly committed: (Stored & { commitQc: Uint8Array })[] = [];
  readonly #staged = new Map<string, Stored>();
  readonly #validators: Validator[];
  readonly #valSetHash: Uint8Array;

  constructor(validators: ValidatorSet) {
    this.#validators = [...validators.list];
    this.#valSetHash = validatorSetHash(validators);
  }

  tip(): Tip {
    const last = this.committed.at(-1);
    const set = { voters: this.#validators, validators: this.#validators };
    if (!last) {
      const stateHash = GENESIS_HASH;
      return {
        height: 0n,
        blockHash: GENESIS_HASH,
        stateHash,
        timestamp_ms: BigInt(GENESIS_MS),
        commitQc: null,
        ...set,
      };
    }
    const { height, stateHash, timestamp_ms } = last.block.header;
    return { height, blockHash: last.hash, stateHash, timestamp_ms, commitQc: last.commitQc, ...set };
  }

  propose(plan: Plan, transactions: Uint8Array[]): Uint8Array {
    const tip = this.#parent(plan.parent);
    const root = bodyRoot(transactions);
    const stateHash = stateAfter(tip.stateHash, root);
    const header: Header = {
      height: plan.height,
      networkId: NETWORK_ID,
      stateHash,
      prevStateHash: tip.stateHash,
      proposerAddress: plan.proposer,
      quorumCertificate: plan.quorumCertificate,
      timestamp_ms: plan.timestamp_ms,
      stateTreeHashes: [{ name: 'account', root: stateHash }],
      valSetHash: this.#valSetHash,
      nextValSetHash: this.#valSetHash,
      version: 1,
      parentHash: plan.parent,
      bodyRoot: root,
    };
    const bytes = encodeBlock({ header, transactions });
    this.#stage(bytes);
    return bytes;
  }

  execute(bytes: Uint8Array) {
    const { header } = decodeBlock(bytes);
    const tip = this.#parent(header.parentHash);
    if (!equalBytes(header.stateHash, stateAfter(tip.stateHash, header.bodyRoot))) {
      throw new CodedError('BLOCK_INVALID', 'the state hash differs');
    }
    this.#stage(bytes);
  }

  commit(hash: Uint8Array, commitQc: Uint8Array) {
    const last = this.committed.at(-1);
    if (last && equalBytes(last.hash, hash)) return;
    const staged = this.#staged.get(toHex(hash));
    if (!staged) throw new CodedError('BLOCK_NOT_STAGED', 'execute it first');
    if (!equalBytes(staged.block.header.parentHash, this.tip().blockHash)) {
      throw new CodedError('COMMIT_CONFLICT', 'another block has this height');
    }
    this.committed.push({ ...staged, commitQc });
    this.#staged.clear();
  }

  find(hash: Uint8Array): Uint8Array | null {
    const found = this.#staged.get(toHex(hash)) ?? this.committed.find((one) => equalBytes(one.hash, hash));
    return found?.bytes ?? null;
  }

  #parent(hash: Uint8Array): Tip {
    const tip = this.tip();
    if (!equalBytes(hash, tip.blockHash)) throw new CodedError('PARENT_UNKNOWN', 'not our tip');
    return tip;
  }

  #stage(bytes: Uint8Array) {
    const block = decodeBlock(bytes);
    const hash = blockHash(block.header);
    this.#staged.set(toHex(hash), { bytes, block, hash });
  }
}

function stateAfter(before: Uint8Array, root: Uint8Array): Uint8Array {
  return sha256(Uint8Array.from([...before, ...root]));
}
