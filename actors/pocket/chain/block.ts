import { CodedError, hasCode } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { ADDRESS_BYTES } from './address.ts';
import {
  type CodePrefix,
  decodeCanonical,
  encodeCanonical,
  ensure,
  type Format,
  isUint64,
  NETWORK_ID,
} from './canonical.ts';
import { type BlockHeader, BlockHeaderSchema, BlockSchema } from './gen/block_pb.ts';
import { equalBytes, fromHex, toHex } from './hex.ts';
import { merkleRoot } from './merkle.ts';
import { HASH_BYTES, MAX_BLOCK_BYTES, MAX_HEADER_BYTES, MAX_QC_BYTES, MAX_TRANSACTION_BYTES } from './sizes.ts';

export { HASH_BYTES };
export const BLOCK_VERSION = 1;

/** There are eleven trees; the bound leaves room. */
const MAX_STATE_TREES = 32;
/** Last millisecond of the year 9999, the end of a protobuf timestamp. */
const MAX_TIMESTAMP_MS = 253_402_300_799_999n;
const TREE_NAME = /^[a-z][a-z0-9_]{0,31}$/;

/**
 * Complete when it is proposed; never changed afterwards. A draft (what a proposer hands to persistence) leaves
 * the hashes of the state empty.
 */
export interface Header {
  height: bigint;
  networkId: string;
  /** Root over the state tries after this block, 32 bytes; empty in a draft. */
  stateHash: Uint8Array;
  /** The parent's state hash, 32 bytes. */
  prevStateHash: Uint8Array;
  /** 20 bytes. */
  proposerAddress: Uint8Array;
  /** Canonical commit QC of the parent; empty at height 1, whose parent is genesis. */
  quorumCertificate: Uint8Array;
  timestamp_ms: bigint;
  /** By ascending name; empty in a draft. */
  stateTreeHashes: { name: string; root: Uint8Array }[];
  /** validatorSetHash of this height's validators, 32 bytes. */
  valSetHash: Uint8Array;
  /** validatorSetHash of the next height's validators, 32 bytes. */
  nextValSetHash: Uint8Array;
  version: number;
  /** blockHash of the parent, 32 bytes. */
  parentHash: Uint8Array;
  /** bodyRoot of the transactions, 32 bytes. */
  bodyRoot: Uint8Array;
}

export interface Block {
  header: Header;
  /** Canonical bytes of each transaction, in order. */
  transactions: Uint8Array[];
}

const HEADER: Format<typeof BlockHeaderSchema> = {
  schema: BlockHeaderSchema,
  name: 'block header',
  prefix: 'HEADER',
  maxBytes: MAX_HEADER_BYTES,
};
const BLOCK: Format<typeof BlockSchema> = {
  schema: BlockSchema,
  name: 'block',
  prefix: 'BLOCK',
  maxBytes: MAX_BLOCK_BYTES,
};

/** The names of the trees are sorted here. @throws HEADER_MALFORMED */
export function encodeHeader(header: Header): Uint8Array {
  return encodeCanonical(BlockHeaderSchema, headerFields(header, 'HEADER'));
}

/** Accepts drafts. @throws HEADER_* */
export function decodeHeader(bytes: Uint8Array): Header {
  return headerOf(decodeCanonical(HEADER, bytes), 'HEADER');
}

/** @throws BLOCK_MALFORMED */
export function encodeBlock(block: Block): Uint8Array {
  checkTransactions(block.transactions);
  const blockHeader = headerFields(block.header, 'BLOCK');
  return encodeCanonical(BlockSchema, { blockHeader, transactions: block.transactions });
}

/**
 * Reads a block and checks that its header is complete and commits to exactly these transactions. The transactions
 * are not decoded.
 * @throws BLOCK_*
 */
export function decodeBlock(bytes: Uint8Array): Block {
  const wire = decodeCanonical(BLOCK, bytes);
  ensure(wire.blockHeader !== undefined, 'BLOCK', 'header', 'is missing');
  const header = headerOf(wire.blockHeader, 'BLOCK');
  checkComplete(header);
  checkTransactions(wire.transactions);
  if (!equalBytes(bodyRoot(wire.transactions), header.bodyRoot)) {
    throw new CodedError('BLOCK_BODY_ROOT_MISMATCH', 'the header commits to other transactions than the block has', {
      height: header.height,
      transactions: wire.transactions.length,
    });
  }
  return { header, transactions: wire.transactions };
}

/** SHA-256 of the encoded header: the one identity of a block. */
export function blockHash(header: Header): Uint8Array {
  return sha256(encodeHeader(header));
}

/** Merkle root over the bytes of the transactions in order (merkle.ts); 32 zero bytes for none. */
export function bodyRoot(transactions: readonly Uint8Array[]): Uint8Array {
  return merkleRoot(transactions);
}

function headerFields(header: Header, prefix: CodePrefix) {
  const trees = [...header.stateTreeHashes].sort((a, b) => (a.name < b.name ? -1 : 1));
  checkHeader({ ...header, stateTreeHashes: trees }, prefix);
  return {
    height: header.height,
    networkId: header.networkId,
    stateHash: toHex(header.stateHash),
    prevStateHash: toHex(header.prevStateHash),
    proposerAddress: header.proposerAddress,
    quorumCertificate: header.quorumCertificate,
    timestamp: { seconds: header.timestamp_ms / 1_000n, nanos: Number(header.timestamp_ms % 1_000n) * 1_000_000 },
    stateTreeHashes: trees.map(({ name, root }) => ({ key: name, value: toHex(root) })),
    valSetHash: toHex(header.valSetHash),
    nextValSetHash: toHex(header.nextValSetHash),
    version: header.version,
    parentHash: header.parentHash,
    bodyRoot: header.bodyRoot,
  };
}

function headerOf(wire: BlockHeader, prefix: CodePrefix): Header {
  const { seconds, nanos } = wire.timestamp ?? { seconds: -1n, nanos: 0 };
  const whole = nanos >= 0 && nanos < 1_000_000_000 && nanos % 1_000_000 === 0;
  ensure(seconds >= 0n && whole, prefix, 'timestamp', 'must be a whole number of milliseconds since 1970');
  const header: Header = {
    height: wire.height,
    networkId: wire.networkId,
    stateHash: hashOf(wire.stateHash, prefix, 'state_hash'),
    prevStateHash: hashOf(wire.prevStateHash, prefix, 'prev_state_hash'),
    proposerAddress: wire.proposerAddress,
    quorumCertificate: wire.quorumCertificate,
    timestamp_ms: seconds * 1_000n + BigInt(nanos / 1_000_000),
    stateTreeHashes: wire.stateTreeHashes.map(({ key, value }) => ({
      name: key,
      root: hashOf(value, prefix, 'state_tree_hashes'),
    })),
    valSetHash: hashOf(wire.valSetHash, prefix, 'val_set_hash'),
    nextValSetHash: hashOf(wire.nextValSetHash, prefix, 'next_val_set_hash'),
    version: wire.version,
    parentHash: wire.parentHash,
    bodyRoot: wire.bodyRoot,
  };
  checkHeader(header, prefix);
  return header;
}

function hashOf(hex: string, prefix: CodePrefix, field: string): Uint8Array {
  try {
    return fromHex(hex);
  } catch (error) {
    ensure(!hasCode(error, 'HEX_INVALID'), prefix, field, 'must be lower-case hex');
    throw error;
  }
}

/** The form of a header, draft or complete. */
function checkHeader(header: Header, prefix: CodePrefix): void {
  if (header.version !== BLOCK_VERSION) {
    throw new CodedError('BLOCK_VERSION_UNSUPPORTED', `this node knows block version ${BLOCK_VERSION} only`, {
      version: header.version,
    });
  }
  ensure(isUint64(header.height), prefix, 'height', 'must be from 0 to 2^64 - 1');
  ensure(NETWORK_ID.test(header.networkId), prefix, 'network_id', 'must be 1 to 64 printable ASCII characters');
  const time = header.timestamp_ms;
  ensure(time >= 0n && time <= MAX_TIMESTAMP_MS, prefix, 'timestamp', 'must be from 1970 to 9999');
  ensure(header.quorumCertificate.length <= MAX_QC_BYTES, prefix, 'quorum_certificate', 'is too large');
  const { proposerAddress } = header;
  ensure(isEmptyOr(ADDRESS_BYTES, proposerAddress), prefix, 'proposer_address', 'must be 20 bytes');
  for (const field of [
    'stateHash',
    'prevStateHash',
    'valSetHash',
    'nextValSetHash',
    'parentHash',
    'bodyRoot',
  ] as const) {
    ensure(isEmptyOr(HASH_BYTES, header[field]), prefix, field, 'must be 32 bytes');
  }
  checkTrees(header.stateTreeHashes, prefix);
}

function checkTrees(trees: Header['stateTreeHashes'], prefix: CodePrefix): void {
  ensure(trees.length <= MAX_STATE_TREES, prefix, 'state_tree_hashes', `has at most ${MAX_STATE_TREES} entries`);
  let last = '';
  for (const { name, root } of trees) {
    ensure(TREE_NAME.test(name), prefix, 'state_tree_hashes', 'has a name that is no tree name');
    ensure(last < name, prefix, 'state_tree_hashes', 'must be sorted by name, each name once');
    ensure(root.length === HASH_BYTES, prefix, 'state_tree_hashes', 'must have roots of 32 bytes');
    last = name;
  }
}

/** Only genesis, block 0, has no parent, no proposer and no earlier state. */
function checkComplete(header: Header): void {
  ensure(header.stateHash.length > 0, 'BLOCK', 'state_hash', 'is missing');
  ensure(header.bodyRoot.length > 0, 'BLOCK', 'body_root', 'is missing');
  ensure(header.stateTreeHashes.length > 0, 'BLOCK', 'state_tree_hashes', 'is missing');
  if (header.height === 0n) return;
  for (const field of ['prevStateHash', 'proposerAddress', 'valSetHash', 'nextValSetHash', 'parentHash'] as const) {
    ensure(header[field].length > 0, 'BLOCK', field, 'is missing');
  }
  const hasQc = header.quorumCertificate.length > 0;
  ensure(hasQc === header.height > 1n, 'BLOCK', 'quorum_certificate', 'is empty at height 1 and only there');
}

function checkTransactions(transactions: readonly Uint8Array[]): void {
  for (const bytes of transactions) {
    const fits = bytes.length > 0 && bytes.length <= MAX_TRANSACTION_BYTES;
    ensure(fits, 'BLOCK', 'transactions', `must be of 1 to ${MAX_TRANSACTION_BYTES} bytes each`);
  }
}

function isEmptyOr(length: number, bytes: Uint8Array): boolean {
  return bytes.length === 0 || bytes.length === length;
}
