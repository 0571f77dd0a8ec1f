import { sha256 } from '../../../../wasm/hash.ts';
import { blockHash, bodyRoot, encodeBlock, encodeHeader, type Header } from '../../chain/block.ts';
import { encodeQc, type QuorumCertificate, STEP_COMMIT } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { encodeSnapshotChunk, encodeSnapshotManifest, type SnapshotChunk } from '../../chain/snapshot.ts';
import type { SyncedHeader } from '../../chain/sync.ts';
import {
  encodeValidatorSet,
  isQuorumOf,
  type Validator,
  type ValidatorSet,
  validatorSet,
  validatorSetHash,
} from '../../chain/validators.ts';
import type { Tip } from '../../persistence/protocol.ts';

export const NETWORK = 'test';
const BODY_BYTES = 200;

export interface ChainBlock {
  readonly header: Header;
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
  readonly commitQc: Uint8Array;
  readonly voters: ValidatorSet;
  /** Those that decide the next height. */
  readonly next: ValidatorSet;
}

/** A snapshot as peers serve it. */
export interface ChainSnapshot {
  readonly manifest: Uint8Array;
  readonly chunks: readonly Uint8Array[];
}

export function member(number: number): Validator {
  const publicKey = sha256(Uint8Array.of(number, 1));
  return { address: publicKey.subarray(0, 20), publicKey, serviceUrl: '', power: 1n };
}

/** Signatures that nobody but a test can make: of whom, of what block. */
function signatureOf(address: Uint8Array, hash: Uint8Array): Uint8Array {
  const half = sha256(Uint8Array.from([...address, ...hash]));
  return Uint8Array.from([...half, ...half]);
}

/** The rule that goes with them. */
export function verifyModelQc(qc: QuorumCertificate, set: ValidatorSet): void {
  const signers = new Set(qc.signatures.map(({ address }) => toHex(address)));
  const good = qc.signatures.every(
    ({ address, signature }) =>
      set.byAddress(toHex(address)) !== undefined && equalBytes(signature, signatureOf(address, qc.blockHash)),
  );
  if (!good || signers.size !== qc.signatures.length || !isQuorumOf(set, qc.signatures)) throw new Error('no quorum');
}

/** A commit QC of a block by a set; `forged`: the signatures are of nobody. */
export function commitQcOf(set: ValidatorSet, height: bigint, hash: Uint8Array, forged = false): Uint8Array {
  const signatures = set.list.map(({ address }) => ({
    address,
    signature: forged ? new Uint8Array(64) : signatureOf(address, hash),
  }));
  return encodeQc({ height, round: 0, step: STEP_COMMIT, blockHash: hash, signatures });
}

/** A chain whose validators change at the heights given: the set is drawn anew, with one member in common or more. */
export class Chain {
  readonly blocks: ChainBlock[] = [];
  readonly genesisHash = sha256(new TextEncoder().encode('genesis'));
  readonly genesisSet: ValidatorSet;
  readonly #changes: ReadonlySet<number>;

  constructor(length: number, changes: readonly number[] = []) {
    this.genesisSet = validatorSet([1, 2, 3, 4].map(member));
    this.#changes = new Set(changes);
    while (this.blocks.length < length) this.grow();
  }

  get height(): bigint {
    return BigInt(this.blocks.length);
  }

  get set(): ValidatorSet {
    return this.blocks.at(-1)?.next ?? this.genesisSet;
  }

  at(height: bigint): ChainBlock | undefined {
    return this.blocks[Number(height) - 1];
  }

  tip(height: bigint = this.height): Tip {
    const block = this.at(height);
    const voters = [...(block?.voters ?? this.genesisSet).list];
    const validators = [...(block?.next ?? this.genesisSet).list];
    if (!block) {
      const hash = this.genesisHash;
      return { height, blockHash: hash, stateHash: hash, timestamp_ms: 0n, commitQc: null, voters, validators };
    }
    const { stateHash, timestamp_ms } = block.header;
    return { height, blockHash: block.hash, stateHash, timestamp_ms, commitQc: block.commitQc, voters, validators };
  }

  grow() {
    const parent = this.blocks.at(-1);
    const height = this.height + 1n;
    const voters = this.set;
    const isChange = this.#changes.has(Number(height));
    const first = isChange ? voters.list.length - 3 : 1;
    const numbers = Array.from({ length: isChange ? voters.list.length + 1 : 0 }, (_, index) => first + index);
    const next = isChange ? validatorSet(numbers.map(member)) : voters;
    const transactions = [new Uint8Array(BODY_BYTES).fill(Number(height % 250n) + 1)];
    const header: Header = {
      height,
      networkId: NETWORK,
      stateHash: sha256(Uint8Array.from([...(parent?.header.stateHash ?? this.genesisHash), 1])),
      prevStateHash: parent?.header.stateHash ?? this.genesisHash,
      proposerAddress: voters.list[0]!.address,
      quorumCertificate: parent?.commitQc ?? new Uint8Array(),
      timestamp_ms: height * 1_000n,
      stateTreeHashes: [{ name: 'account', root: this.genesisHash }],
      valSetHash: validatorSetHash(voters),
      nextValSetHash: validatorSetHash(next),
      version: 1,
      parentHash: parent?.hash ?? this.genesisHash,
      bodyRoot: bodyRoot(transactions),
    };
    const hash = blockHash(header);
    const commitQc = commitQcOf(voters, height, hash);
    this.blocks.push({ header, hash, bytes: encodeBlock({ header, transactions }), commitQc, voters, next });
  }

  /** The header of a height with what proves it. */
  shown(height: bigint): SyncedHeader | undefined {
    const block = this.at(height);
    if (!block) return undefined;
    const changes = !equalBytes(block.header.valSetHash, block.header.nextValSetHash);
    const validators = changes ? encodeValidatorSet(block.next) : new Uint8Array();
    return { header: encodeHeader(block.header), commitQc: block.commitQc, validators };
  }

  /** A snapshot of some chunks; `lie` makes its contents other ones. */
  snapshot(height: bigint, lie = 0): ChainSnapshot {
    const block = this.at(height)!;
    const chunks = [0, 1, 2, 3, 4, 5, 6].map((number) => {
      const chunk: SnapshotChunk = { tree: 'account', values: [Uint8Array.of(number + 1, lie + 1)] };
      return encodeSnapshotChunk(chunk);
    });
    const manifest = encodeSnapshotManifest({
      header: encodeHeader(block.header),
      commitQc: block.commitQc,
      voters: encodeValidatorSet(block.voters),
      chunks: chunks.map((bytes) => ({ tree: 'account', hash: sha256(bytes), bytes: bytes.length, rows: 1 })),
    });
    return { manifest, chunks };
  }
}
