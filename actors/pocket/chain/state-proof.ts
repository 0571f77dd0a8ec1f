import { CodedError } from '../../../runtime/errors.ts';
import { type CompactProof, SparseMerkleTrie } from '../../../wasm/trie.ts';
import { decodeHeader, type Header } from './block.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format } from './canonical.ts';
import { TrieProofSchema } from './gen/proof_pb.ts';
import { type Genesis, genesisValidators } from './genesis.ts';
import { equalBytes, toHex } from './hex.ts';
import { type BelievedHeader, type TrustedHeader, trustHeader, verifyDecided, verifyHeader } from './light-client.ts';
import { stateHashOf } from './state-root.ts';
import { decodeStateValue, type ProvableTree, type StateValue, trieKeyOf } from './state-values.ts';
import { type Validator, type ValidatorSet, validatorSet, validatorSetHash } from './validators.ts';

/** A validator as the hash of its set binds it. */
export type Voter = Pick<Validator, 'address' | 'publicKey' | 'power'>;

/** That a state which was decided holds a value, or nothing, under a key; with all it takes to check that. */
export interface StateProof {
  readonly tree: ProvableTree;
  /** 20 bytes; of a parameter its name in UTF-8. */
  readonly key: Uint8Array;
  /** What the trie holds; null: nothing. */
  readonly value: Uint8Array | null;
  /** encodeTrieProof of the way to the root of the trie. */
  readonly proof: Uint8Array;
  /** Canonical bytes of the header whose state it is. */
  readonly header: Uint8Array;
  /** Canonical bytes of the commit QC of that block; empty for genesis. */
  readonly commitQc: Uint8Array;
  /** Who decided that block. */
  readonly validators: readonly Voter[];
}

/** What a proof is judged by: the one thing that whoever checks it has from elsewhere. */
export type Trust =
  /** These validators, by validatorSetHash; see verifyDecided. A network id that is absent is taken from the proof. */
  | { readonly kind: 'validators'; readonly hash: Uint8Array; readonly networkId?: string }
  /** The block of the proof itself, by blockHash. */
  | { readonly kind: 'block'; readonly hash: Uint8Array }
  /** An earlier header; see verifyHeader. */
  | { readonly kind: 'header'; readonly trusted: TrustedHeader };

/** What a proof was found to show. */
export interface Proven {
  readonly tree: ProvableTree;
  readonly key: Uint8Array;
  /** Null: the key is absent. */
  readonly value: StateValue | null;
  /** To go on from. */
  readonly header: TrustedHeader;
}

/** A trie proof of 256 side nodes takes 8.8 KB. */
const TRIE_PROOF: Format<typeof TrieProofSchema> = {
  schema: TrieProofSchema,
  name: 'trie proof',
  prefix: 'PROOF',
  maxBytes: 16_384,
};

/** The validators of a genesis file: they decide as long as no transaction has changed them. */
export function trustGenesis(genesis: Genesis): Trust {
  const hash = validatorSetHash(genesisValidators(genesis));
  return { kind: 'validators', hash, networkId: genesis.networkId };
}

/** The one encoding of a proof from a state trie. What only helps to delete the leaf is left out. */
export function encodeTrieProof(proof: CompactProof): Uint8Array {
  const { sideNodes, nonMembershipLeafData, bitMask, numSideNodes } = proof;
  const nonMembershipLeaf = nonMembershipLeafData ?? new Uint8Array();
  return encodeCanonical(TrieProofSchema, { sideNodes: [...sideNodes], nonMembershipLeaf, bitMask, numSideNodes });
}

/** @throws PROOF_* */
function decodeTrieProof(bytes: Uint8Array): CompactProof {
  const { sideNodes, nonMembershipLeaf, bitMask, numSideNodes } = decodeCanonical(TRIE_PROOF, bytes);
  const nonMembershipLeafData = nonMembershipLeaf.length === 0 ? null : nonMembershipLeaf;
  return { sideNodes, nonMembershipLeafData, bitMask, numSideNodes, siblingData: null };
}

/**
 * Checks a proof from the certificate down to the value: that its header is to be believed, that the state hash of the
 * header is that of its tries, and that the trie holds the value, or nothing.
 * @throws PROOF_* for a proof that is none, LIGHT_*, QC_*, VALIDATORS_INVALID for a header that is not believed
 */
export function verifyStateProof(proof: StateProof, trust: Trust): Proven {
  const { tree, key, value } = proof;
  const header = believe(proof, trust);
  if (!shows(header.header, proof)) {
    const what = value === null ? 'the absence of the key' : 'the value';
    throw new CodedError(
      'PROOF_WRONG',
      `the proof does not show ${what} under the state of its header: fetch it again`,
      {
        height: header.header.height,
        tree,
        key: toHex(key),
      },
    );
  }
  return { tree, key, value: value === null ? null : decodeStateValue(tree, value), header };
}

function believe(proof: StateProof, trust: Trust): BelievedHeader {
  const header = decodeHeader(proof.header);
  const validators = voters(proof.validators);
  switch (trust.kind) {
    case 'validators': {
      requireCertificate(header, proof.commitQc);
      const trusted = { networkId: trust.networkId ?? header.networkId, validatorsHash: trust.hash };
      return verifyDecided(trusted, header, proof.commitQc, validators);
    }
    case 'header':
      if (equalBytes(trustHeader(header).hash, trust.trusted.hash)) return requireOwn(proof, header, validators);
      requireCertificate(header, proof.commitQc);
      return verifyHeader(trust.trusted, header, proof.commitQc, validators);
    case 'block':
      if (!equalBytes(trustHeader(header).hash, trust.hash)) {
        throw new CodedError('LIGHT_HASH_FOREIGN', 'the proof is of another block than the one that is trusted', {
          height: header.height,
          trusted: toHex(trust.hash),
          found: toHex(trustHeader(header).hash),
        });
      }
      return requireOwn(proof, header, validators);
  }
}

/** The header is trusted as it is: what stands beside it must still belong to it. */
function requireOwn({ commitQc }: StateProof, header: Header, validators: ValidatorSet): BelievedHeader {
  const trusted = { networkId: header.networkId, validatorsHash: header.valSetHash };
  if (header.height > 0n) return verifyDecided(trusted, header, commitQc, validators);
  const fits = commitQc.length === 0 && equalBytes(validatorSetHash(validators), header.valSetHash);
  ensure(fits, 'PROOF', 'validators', 'must be those of genesis, without a certificate');
  return trustHeader(header);
}

function requireCertificate({ height }: Header, commitQc: Uint8Array): void {
  if (commitQc.length > 0) return;
  throw new CodedError('LIGHT_UNDECIDED', 'nobody signed this header: only a trusted hash of it proves it', { height });
}

function shows(header: Header, { tree, key, value, proof }: StateProof): boolean {
  const trees = header.stateTreeHashes;
  const root = trees.find(({ name }) => name === tree)?.root;
  ensure(root !== undefined, 'PROOF', 'header', `has no trie ${tree}`);
  ensure(value === null || value.length > 0, 'PROOF', 'value', 'must not be empty');
  const compact = decodeTrieProof(proof);
  ensure(value === null || compact.nonMembershipLeafData === null, 'PROOF', 'proof', 'shows a leaf and its absence');
  const whole = SparseMerkleTrie.expand(compact);
  // Bits behind the last side node, or an empty one written out, would be a second form of the same proof.
  if (!equalBytes(encodeTrieProof(SparseMerkleTrie.compact(whole)), proof)) {
    throw new CodedError('PROOF_NOT_CANONICAL', 'a trie proof must be in its canonical encoding');
  }
  if (!equalBytes(stateHashOf(trees), header.stateHash)) return false;
  return SparseMerkleTrie.verify(root, { key: trieKeyOf(tree, key), value }, whole);
}

/** @throws VALIDATORS_INVALID */
function voters(list: readonly Voter[]): ValidatorSet {
  return validatorSet(list.map((voter) => ({ ...voter, serviceUrl: '' })));
}
