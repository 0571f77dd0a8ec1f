import { CodedError } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { encodeHeader } from '../chain/block.ts';
import { equalBytes, toHex } from '../chain/hex.ts';
import { encodeTrieProof } from '../chain/state-proof.ts';
import { trieKeyOf } from '../chain/state-values.ts';
import type { ChainState } from './core/chain-state.ts';
import type { Database } from './io/database.ts';
import { readStateValue } from './io/read-state-value.ts';
import type { ProofParts, ProofRequest } from './protocol.ts';

/**
 * A value of a recent committed state, or its absence, with the way to the root of its trie.
 * @throws PROOF_PRUNED, BLOCK_NOT_FOUND, STATE_CORRUPT
 */
export async function prove(
  { chain, database }: { chain: ChainState; database: Database },
  { height, tree, key }: ProofRequest,
  deadline_ms: number,
): Promise<ProofParts> {
  const { header, commitQc, voters, tries } = chain.provable(height);
  const trieKey = trieKeyOf(tree, key);
  // Before the wait: a commit meanwhile may release these tries.
  const proof = encodeTrieProof(tries.prove(tree, trieKey));
  const digest = tries.digest(tree, trieKey);
  // Rows are inserted, never updated: those of a committed height are the same later on.
  const value =
    digest === null
      ? null
      : await database.run(deadline_ms, (sql) => readStateValue(sql, header.height, { tree, key }));
  if (digest !== null && (value === null || !equalBytes(sha256(value), digest))) {
    throw new CodedError(
      'STATE_CORRUPT',
      `the row of ${toHex(key)} in tree ${tree} is not what the state of block ${header.height} was hashed from`,
      { height: header.height, tree, key: toHex(key) },
    );
  }
  return {
    header: encodeHeader(header),
    commitQc: commitQc ?? new Uint8Array(),
    validators: [...voters.list],
    value,
    proof,
  };
}
