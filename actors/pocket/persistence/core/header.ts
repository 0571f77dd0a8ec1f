import { CodedError } from '../../../../runtime/errors.ts';
import { bodyRoot, type Header } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';

/** What a block's header must say, known from its parent, its transactions and its execution. */
export interface HeaderFacts {
  readonly height: bigint;
  readonly networkId: string;
  readonly prevStateHash: Uint8Array;
  readonly stateHash: Uint8Array;
  readonly stateTreeHashes: readonly { name: string; root: Uint8Array }[];
  readonly valSetHash: Uint8Array;
  readonly nextValSetHash: Uint8Array;
  readonly transactions: readonly Uint8Array[];
}

const FILLED_IN = ['prevStateHash', 'valSetHash', 'nextValSetHash', 'bodyRoot'] as const;

/**
 * Fills in a draft (a header without state hash), or checks a complete header.
 * @throws HEADER_INVALID, STATE_HASH_MISMATCH
 */
export function completeHeader(header: Header, facts: HeaderFacts): Header {
  if (header.height !== facts.height) throw invalid('height', String(facts.height), String(header.height));
  if (header.networkId !== facts.networkId) throw invalid('network_id', facts.networkId, header.networkId);
  const isDraft = header.stateHash.length === 0;
  const known = { ...facts, bodyRoot: bodyRoot(facts.transactions) };
  const complete: Header = { ...header };
  for (const field of FILLED_IN) {
    if (isDraft && header[field].length === 0) complete[field] = known[field];
    else if (!equalBytes(header[field], known[field])) {
      throw invalid(field, toHex(known[field]), toHex(header[field]));
    }
  }
  if (!isDraft) requireState(header, facts);
  complete.stateHash = facts.stateHash;
  complete.stateTreeHashes = facts.stateTreeHashes.map(({ name, root }) => ({ name, root }));
  return complete;
}

function requireState(header: Header, facts: HeaderFacts): void {
  const differing = differingTrees(facts.stateTreeHashes, header.stateTreeHashes);
  if (equalBytes(header.stateHash, facts.stateHash) && differing.length === 0) return;
  throw new CodedError(
    'STATE_HASH_MISMATCH',
    `block ${header.height} leads to state ${toHex(facts.stateHash)}, its header claims ${toHex(header.stateHash)}`,
    { height: header.height, computed: toHex(facts.stateHash), claimed: toHex(header.stateHash), trees: differing },
  );
}

/** Names of the trees whose roots are not the same in both. */
export function differingTrees(
  ours: readonly { name: string; root: Uint8Array }[],
  theirs: readonly { name: string; root: Uint8Array }[],
): string[] {
  const a = new Map(ours.map(({ name, root }) => [name, toHex(root)]));
  const b = new Map(theirs.map(({ name, root }) => [name, toHex(root)]));
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
}

function invalid(field: string, expected: string, found: string): CodedError {
  return new CodedError('HEADER_INVALID', `header: ${field} must be ${expected}, it is ${found || 'empty'}`, {
    field,
    expected,
    found,
  });
}
