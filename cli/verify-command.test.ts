import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeAccount } from '../actors/pocket/chain/account.ts';
import { blockHash, encodeHeader, type Header } from '../actors/pocket/chain/block.ts';
import { encodeQc, STEP_COMMIT } from '../actors/pocket/chain/consensus.ts';
import { toHex } from '../actors/pocket/chain/hex.ts';
import { encodeTrieProof } from '../actors/pocket/chain/state-proof.ts';
import { type StateProofJson, stateProofJson } from '../actors/pocket/chain/state-proof-json.ts';
import { stateHashOf } from '../actors/pocket/chain/state-root.ts';
import {
  TEST_NETWORK,
  type TestValidator,
  testHeader,
  testQc,
  testValidators,
} from '../actors/pocket/chain/testing.ts';
import { validatorSet, validatorSetHash } from '../actors/pocket/chain/validators.ts';
import { SparseMerkleTrie } from '../wasm/trie.ts';

const BIN = fileURLToPath(new URL('../../bin/potoroo', import.meta.url));

const address = new Uint8Array(20).fill(5);
const value = encodeAccount({ address, amount: 10n ** 30n });
const accounts = SparseMerkleTrie.empty().update([{ key: address, value }]);
const trees = [{ name: 'account', root: accounts.root }];

const all = testValidators(6);
const early = all.slice(0, 4);
const late = all.slice(2);
const hashOf = (validators: readonly TestValidator[]) => validatorSetHash(validatorSet(validators));

/** A proof at a height of a chain whose block 4 hands over from the early validators to the late ones. */
function proofAt(height: bigint, key = address): StateProofJson {
  const [own, next] = [height <= 4n ? early : late, height <= 3n ? early : late];
  const header: Header = {
    ...testHeader(),
    height,
    timestamp_ms: 1_000n * height,
    stateHash: stateHashOf(trees),
    stateTreeHashes: trees,
    valSetHash: hashOf(own),
    nextValSetHash: hashOf(next),
  };
  const vote = { height, round: 0, step: STEP_COMMIT, blockHash: blockHash(header) };
  return stateProofJson({
    tree: 'account',
    key,
    value: accounts.has(key) ? value : null,
    proof: encodeTrieProof(SparseMerkleTrie.compact(accounts.prove(key))),
    header: encodeHeader(header),
    commitQc: encodeQc(testQc(own.slice(1), vote)),
    validators: own,
  });
}

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-verify-'));
  const validators = early.map((one) => ({
    address: toHex(one.address),
    public_key: toHex(one.publicKey),
    service_url: one.serviceUrl,
    staked_amount: String(one.stakedAmount),
    output: toHex(one.output),
    chains: [],
  }));
  const genesis = { genesis_time: '2026-01-31T12:00:00.000Z', chain_id: TEST_NETWORK, accounts: [], validators };
  writeFileSync(join(directory, 'genesis.json'), JSON.stringify(genesis));
  for (const height of [2n, 4n, 6n]) save(`${height}.json`, proofAt(height));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function save(name: string, proof: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof proof === 'string' ? proof : JSON.stringify(proof));
  return path;
}

/** Runs `potoroo verify` in the folder of the files. */
function verify(parameters: string[], input = '') {
  const options = { encoding: 'utf8', cwd: directory, input } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'verify', ...parameters], options);
  return { status, stdout, stderr };
}

function refused(outcome: ReturnType<typeof verify>, code: string, status = 1): void {
  assert.equal(outcome.stderr.split(':')[0], `error ${code}`, outcome.stderr);
  assert.deepEqual([outcome.status, outcome.stdout], [status, '']);
}

describe('potoroo verify', () => {
  it('tells what a proof shows, for people and as one line of JSON', () => {
    const { status, stdout, stderr } = verify(['2.json', '--genesis', 'genesis.json']);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^address +${toHex(address)}$`, 'm'));
    assert.match(stdout, new RegExp(`^amount +${10n ** 30n}$`, 'm'));
    assert.match(stdout, /^verified +the proof holds$/m);
    const json = verify(['2.json', '--genesis', 'genesis.json', '--json']);
    const { verified, height, decoded, network_id } = JSON.parse(json.stdout);
    assert.deepEqual([verified, height, network_id], [true, 2, TEST_NETWORK]);
    assert.deepEqual(decoded, { address: toHex(address), amount: String(10n ** 30n) });
    assert.equal(json.stdout.trim().split('\n').length, 1);
  });

  it('tells that a key is absent', () => {
    save('absent.json', proofAt(2n, new Uint8Array(20).fill(6)));
    assert.match(verify(['absent.json', '--genesis', 'genesis.json']).stdout, /^value +absent$/m);
    const { stdout } = verify(['absent.json', '--genesis', 'genesis.json', '--json']);
    assert.equal(JSON.parse(stdout).decoded, null);
  });

  it('reads standard input, and takes a block hash or a hash of validators', () => {
    const proof = proofAt(6n);
    const text = JSON.stringify(proof);
    assert.equal(verify(['-', '--trusted-hash', proof.block_hash.toUpperCase()], text).status, 0);
    const validators = ['--validators-hash', toHex(hashOf(late))];
    assert.equal(verify(['-', ...validators], text).status, 0);
    assert.equal(verify(['-', ...validators, '--network-id', TEST_NETWORK], text).status, 0);
    refused(verify(['-', ...validators, '--network-id', 'other'], text), 'LIGHT_HEADER_INVALID');
    refused(verify(['-', '--trusted-hash', '00'.repeat(32)], text), 'LIGHT_HASH_FOREIGN');
    refused(verify(['-', '--validators-hash', toHex(hashOf(early))], text), 'LIGHT_VALIDATORS_UNKNOWN');
  });

  it('follows a change of the validators by the header that made it, and says so where it is missing', () => {
    const alone = verify(['6.json', '--genesis', 'genesis.json']);
    refused(alone, 'LIGHT_VALIDATORS_UNKNOWN');
    assert.match(alone.stderr, /genesis file.*--trusted-header.*--trusted-hash/);
    assert.equal(verify(['4.json', '--genesis', 'genesis.json']).status, 0);
    assert.equal(verify(['4.json', '--trusted-header', '2.json']).status, 0);
    assert.equal(verify(['6.json', '--trusted-header', '4.json']).status, 0);
    const skipped = verify(['6.json', '--trusted-header', '2.json']);
    refused(skipped, 'LIGHT_VALIDATORS_UNKNOWN');
    assert.match(skipped.stderr, /the height first at which they changed/);
    refused(verify(['2.json', '--trusted-header', '4.json']), 'LIGHT_HEADER_INVALID');
  });

  it('refuses a proof that was changed', () => {
    const proof = proofAt(2n);
    const richer = toHex(encodeAccount({ address, amount: 10n ** 31n }));
    const decoded = { address: toHex(address), amount: String(10n ** 31n) };
    const by = ['--genesis', 'genesis.json'];
    refused(verify(['-', ...by], JSON.stringify({ ...proof, decoded })), 'PROOF_MISMATCH');
    refused(verify(['-', ...by], JSON.stringify({ ...proof, decoded, value: richer })), 'PROOF_WRONG');
    refused(verify(['-', ...by], JSON.stringify({ ...proof, decoded: null, value: null })), 'PROOF_WRONG');
    refused(verify(['-', ...by], JSON.stringify({ ...proof, height: 3 })), 'PROOF_MISMATCH');
    refused(verify(['-', ...by], JSON.stringify({ ...proof, more: 1 })), 'PROOF_MALFORMED');
    refused(verify(['-', ...by], 'no JSON'), 'PROOF_MALFORMED');
    refused(verify(['-', ...by], ' '.repeat(9_000_000)), 'PROOF_TOO_LARGE');
  });

  it('needs exactly one thing to trust, and files that can be read', () => {
    refused(verify(['2.json']), 'USAGE', 2);
    refused(verify(['2.json', '--genesis', 'genesis.json', '--trusted-header', '4.json']), 'USAGE', 2);
    refused(verify(['2.json', '--trusted-hash', '1234']), 'USAGE', 2);
    refused(verify(['2.json', '--genesis', 'genesis.json', '--network-id', 'x']), 'USAGE', 2);
    refused(verify(['none.json', '--genesis', 'genesis.json']), 'FILE_UNUSABLE');
    refused(verify(['.', '--genesis', 'genesis.json']), 'FILE_UNUSABLE');
    refused(verify(['2.json', '--genesis', '2.json']), 'GENESIS_INVALID');
  });
});
