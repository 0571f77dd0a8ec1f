import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../../runtime/errors.ts';
import { SparseMerkleTrie } from '../../../wasm/trie.ts';
import { encodeAccount } from './account.ts';
import { encodeActor } from './actor.ts';
import { blockHash, encodeHeader, type Header } from './block.ts';
import { encodeQc, STEP_COMMIT, STEP_PRECOMMIT } from './consensus.ts';
import { genesisJson, parseGenesis } from './genesis.ts';
import { toHex } from './hex.ts';
import { trustHeader } from './light-client.ts';
import { encodeParam } from './params.ts';
import { encodeTrieProof, type StateProof, type Trust, trustGenesis, verifyStateProof } from './state-proof.ts';
import { parseStateProof, stateProofJson } from './state-proof-json.ts';
import { stateHashOf } from './state-root.ts';
import { decodeStateValue, PROVABLE_TREES, type ProvableTree, trieKeyOf } from './state-values.ts';
import { TEST_NETWORK, testHeader, testQc, testValidators } from './testing.ts';
import { validatorSet, validatorSetHash } from './validators.ts';

const validators = testValidators(4);
const strangers = testValidators(8).slice(4);
const setHash = validatorSetHash(validatorSet(validators));
const address = (number: number) => new Uint8Array(20).fill(number);
const name = (text: string) => new TextEncoder().encode(text);

const values: Record<ProvableTree, [Uint8Array, Uint8Array][]> = {
  account: Array.from({ length: 60 }, (_, n) => {
    const account = { address: address(n), amount: BigInt(n) * 10n ** 20n };
    return [account.address, encodeAccount(account)];
  }),
  app: [],
  fish: [],
  servicer: [],
  val: validators.map((validator) => [validator.address, encodeActor(validator)]),
  params: ['acl_owner', 'message_send_fee'].map((text) => [
    name(text),
    encodeParam({ name: text, value: '10000', height: 3n }),
  ]),
};
const tries = new Map(
  PROVABLE_TREES.map((tree) => {
    const entries = values[tree].map(([key, value]) => ({ key: trieKeyOf(tree, key), value }));
    return [tree, SparseMerkleTrie.empty().update(entries)];
  }),
);
const treeHashes = [...tries].map(([tree, trie]) => ({ name: tree, root: trie.root }));

function headerAt(height: bigint, change: Partial<Header> = {}): Header {
  return {
    ...testHeader(),
    height,
    timestamp_ms: 1_000n * height,
    stateHash: stateHashOf(treeHashes),
    stateTreeHashes: treeHashes,
    valSetHash: setHash,
    nextValSetHash: setHash,
    ...change,
  };
}

function qcOf(header: Header, signers = validators, step = STEP_COMMIT): Uint8Array {
  return encodeQc(testQc(signers, { height: header.height, round: 0, step, blockHash: blockHash(header) }));
}

function proofOf(tree: ProvableTree, key: Uint8Array, header = headerAt(7n)): StateProof {
  const trie = tries.get(tree)!;
  return {
    tree,
    key,
    value: values[tree].find((entry) => toHex(entry[0]) === toHex(key))?.[1] ?? null,
    proof: encodeTrieProof(SparseMerkleTrie.compact(trie.prove(trieKeyOf(tree, key)))),
    header: encodeHeader(header),
    commitQc: qcOf(header),
    validators,
  };
}

const trust: Trust = { kind: 'validators', hash: setHash };
const present = proofOf('account', address(5));
const absent = proofOf('account', address(99));
/** Both ways of the document: what is served is what is read. */
const text = (proof: StateProof) => JSON.stringify(stateProofJson(proof));
const check = (document: string, by: Trust = trust) => verifyStateProof(parseStateProof(JSON.parse(document)), by);

describe('a state proof', () => {
  test('shows accounts, actors and parameters, and what is not there', () => {
    for (const tree of PROVABLE_TREES) {
      for (const [key, value] of values[tree]) {
        const proven = check(text(proofOf(tree, key)));
        assert.deepEqual(proven.value, decodeStateValue(tree, value));
        assert.equal(proven.header.header.height, 7n);
      }
      const missing = tree === 'params' ? name('no_such_parameter') : address(200);
      assert.equal(check(text(proofOf(tree, missing))).value, null, tree);
    }
    const { value } = check(text(present));
    assert.deepEqual(value, { tree: 'account', account: { address: address(5), amount: 5n * 10n ** 20n } });
    const [own] = validators;
    const actor = check(text(proofOf('val', own!.address))).value;
    assert.ok(actor !== null && 'actor' in actor);
    assert.equal(actor.actor.stakedAmount, own!.stakedAmount);
    assert.equal(actor.actor.pausedHeight, -1n);
  });

  test('is trusted by validators, by the hash of its block, or by an earlier header', () => {
    const header = headerAt(7n);
    const before = headerAt(4n);
    const anchors: Trust[] = [
      trust,
      { kind: 'validators', hash: setHash, networkId: TEST_NETWORK },
      { kind: 'block', hash: blockHash(header) },
      { kind: 'header', trusted: trustHeader(before) },
      { kind: 'header', trusted: trustHeader(header) },
    ];
    for (const anchor of anchors) assert.equal(check(text(present), anchor).header.header.height, 7n);
    const refused: [Trust, string][] = [
      [{ kind: 'validators', hash: new Uint8Array(32) }, 'LIGHT_VALIDATORS_UNKNOWN'],
      [{ kind: 'validators', hash: setHash, networkId: 'other' }, 'LIGHT_HEADER_INVALID'],
      [{ kind: 'block', hash: blockHash(before) }, 'LIGHT_HASH_FOREIGN'],
      [{ kind: 'header', trusted: trustHeader(headerAt(8n)) }, 'LIGHT_HEADER_INVALID'],
      [
        { kind: 'header', trusted: trustHeader(headerAt(4n, { nextValSetHash: new Uint8Array(32) })) },
        'LIGHT_VALIDATORS_UNKNOWN',
      ],
    ];
    for (const [anchor, code] of refused) assert.throws(() => check(text(present), anchor), { code });
  });

  test('is trusted by the validators of the genesis file', () => {
    const genesis = parseGenesis(
      JSON.stringify({
        genesis_time: '2026-01-31T12:00:00.000Z',
        chain_id: TEST_NETWORK,
        accounts: [],
        validators: validators.map((one) => ({
          address: toHex(one.address),
          public_key: toHex(one.publicKey),
          service_url: one.serviceUrl,
          staked_amount: String(one.stakedAmount),
          output: toHex(one.output),
          chains: [],
        })),
      }),
    );
    assert.equal(check(text(present), trustGenesis(genesis)).header.header.height, 7n);
    const weighed = parseGenesis(genesisJson({ ...genesis, voteWeight: 'stake' }));
    assert.throws(() => check(text(present), trustGenesis(weighed)), { code: 'LIGHT_VALIDATORS_UNKNOWN' });
  });

  test('of genesis, which nobody decided, is believed by its hash only', () => {
    const genesis = headerAt(0n, { quorumCertificate: new Uint8Array() });
    const proof = { ...proofOf('account', address(5), headerAt(1n)), header: encodeHeader(genesis) };
    const undecided = { ...proof, commitQc: new Uint8Array() };
    assert.equal(check(text(undecided), { kind: 'block', hash: blockHash(genesis) }).header.header.height, 0n);
    assert.throws(() => check(text(undecided)), { code: 'LIGHT_UNDECIDED' });
    const other = { ...undecided, validators: strangers };
    assert.throws(() => check(text(other), { kind: 'block', hash: blockHash(genesis) }), { code: 'PROOF_MALFORMED' });
  });

  test('is refused if the header was not decided, or by others', () => {
    const header = headerAt(7n);
    const forged: [Partial<StateProof>, string][] = [
      [{ commitQc: qcOf(header, validators.slice(2)) }, 'QC_TOO_FEW_SIGNERS'],
      [{ commitQc: qcOf(header, strangers) }, 'QC_UNKNOWN_SIGNER'],
      [{ commitQc: qcOf(header, validators, STEP_PRECOMMIT) }, 'LIGHT_QC_FOREIGN'],
      [{ commitQc: qcOf(headerAt(6n)) }, 'LIGHT_QC_FOREIGN'],
      [{ commitQc: new Uint8Array() }, 'LIGHT_UNDECIDED'],
      [{ validators: strangers, commitQc: qcOf(header, strangers) }, 'LIGHT_VALIDATORS_UNKNOWN'],
      // A key of the forger in the place of each validator's own.
      [
        { validators: validators.map((one, n) => ({ ...one, publicKey: strangers[n]!.publicKey })) },
        'LIGHT_VALIDATORS_UNKNOWN',
      ],
      [{ validators: validators.map((one) => ({ ...one, power: 2n })) }, 'LIGHT_VALIDATORS_UNKNOWN'],
    ];
    for (const [change, code] of forged) {
      assert.throws(() => check(text({ ...present, ...change })), { code }, code);
    }
  });

  test('is refused if its tries are not those of the state hash', () => {
    const header = headerAt(7n, { stateHash: new Uint8Array(32).fill(1) });
    assert.throws(() => check(text(proofOf('account', address(5), header))), { code: 'PROOF_WRONG' });
    const fewer = headerAt(7n, { stateTreeHashes: treeHashes.filter((tree) => tree.name !== 'account') });
    assert.throws(() => check(text(proofOf('account', address(5), fewer))), { code: 'PROOF_MALFORMED' });
  });

  test('of one value does not show another, nor its absence', () => {
    const other = proofOf('account', address(6));
    for (const change of [
      { value: other.value },
      { value: null },
      { key: other.key },
      { tree: 'val' as const, value: null },
      { proof: other.proof },
      { proof: absent.proof },
    ]) {
      assert.throws(
        () => verifyStateProof({ ...present, ...change }, trust),
        (error) => error instanceof CodedError,
      );
    }
    assert.throws(() => verifyStateProof({ ...absent, value: other.value }, trust), { code: 'PROOF_WRONG' });
    assert.throws(
      () => verifyStateProof({ ...absent, key: other.key }, trust),
      (error) => error instanceof CodedError,
    );
  });

  test('has one form: a second one for the same value is refused', () => {
    const compact = SparseMerkleTrie.compact(tries.get('account')!.prove(address(5)));
    const padded = Uint8Array.from(compact.bitMask);
    padded[padded.length - 1]! |= 1;
    const proofs = [
      encodeTrieProof({ ...compact, bitMask: padded }),
      encodeTrieProof({ ...compact, nonMembershipLeafData: new Uint8Array(65) }),
      Uint8Array.of(...present.proof, 0x28, 0x01),
    ];
    for (const proof of proofs) {
      assert.throws(
        () => check(text({ ...present, proof })),
        (error) => error instanceof CodedError,
      );
    }
  });

  test('of which any bit of any field is flipped is refused', () => {
    const documents = [present, proofOf('val', validators[0]!.address), proofOf('params', name('acl_owner')), absent];
    for (const proof of documents) {
      const document = JSON.stringify(stateProofJson(proof));
      assert.equal(check(document).header.header.height, 7n);
      for (const [field, value] of Object.entries(stateProofJson(proof))) {
        // What is proven absent may be so at the other key as well: then that is true, and says so.
        if (proof.value === null && field === 'key') continue;
        const member = `${JSON.stringify(field)}:${JSON.stringify(value)}`;
        const start = Buffer.byteLength(document.slice(0, document.indexOf(member)));
        fc.assert(
          fc.property(fc.nat(Buffer.byteLength(member) * 8 - 1), (bit) => {
            const bytes = Buffer.from(document);
            bytes[start + (bit >> 3)]! ^= 1 << (bit & 7);
            assert.throws(() => check(bytes.toString('utf8')), isRefusal, `${field}, bit ${bit}`);
          }),
          { numRuns: 60 },
        );
      }
    }
  });

  test('of an absent key with another key in its place shows that one absent, or nothing', () => {
    fc.assert(
      fc.property(fc.nat(159), (bit) => {
        const key = Uint8Array.from(absent.key);
        key[bit >> 3]! ^= 1 << (bit & 7);
        try {
          assert.equal(toHex(verifyStateProof({ ...absent, key }, trust).key), toHex(key));
        } catch (error) {
          assert.ok(error instanceof CodedError);
          return;
        }
        assert.equal(tries.get('account')!.has(key), false);
      }),
    );
  });
});

/** Broken JSON is refused by its parser, all else with a code. */
function isRefusal(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof CodedError;
}
