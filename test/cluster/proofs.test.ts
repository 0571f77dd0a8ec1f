import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { publicKeyOf } from '../../wasm/ed25519.ts';
import { potoroo } from '../support/command.ts';
import { OneNode } from '../support/one-node.ts';

/** What a node proves is believed by those who trust its genesis file and nothing that it says. */

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGE = join(ROOT, 'docs', 'develop', 'light-client.md');

let directory: string;
let node: OneNode;
let genesis: string;
let account: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-proofs-'));
  node = await OneNode.start(join(directory, 'net'));
  genesis = join(node.entry.home, 'genesis.json');
  account = toHex(addressOf(publicKeyOf(node.accountSeeds[0]!)));
});
after(async () => {
  await node?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A proof from the node, in a file. */
async function save(route: string, question: object, change: object = {}): Promise<string> {
  const { status, body } = await node.post(`/v1/proof/${route}`, question);
  assert.equal(status, 200, JSON.stringify(body));
  const path = join(directory, 'proof.json');
  writeFileSync(path, JSON.stringify({ ...body, ...change }));
  return path;
}

describe('a proof of a running node', () => {
  it('is verified offline by the genesis file, and by the hash that another route tells', async () => {
    const { validators } = JSON.parse(readFileSync(genesis, 'utf8'));
    const questions: [string, object][] = [
      ['account', { address: account }],
      ['account', { address: '00'.repeat(20) }],
      ['actor', { actor_type: 'validator', address: validators[0].address }],
      ['param', { param_name: 'message_send_fee', height: 1 }],
    ];
    for (const [route, question] of questions) {
      const path = await save(route, question);
      const { code, stdout, stderr } = await potoroo('verify', path, '--genesis', genesis, '--json');
      assert.equal(code, 0, stderr);
      const { height, decoded, block_hash } = JSON.parse(stdout);
      const answer = await node.post('/v1/query/block', { height });
      const { block } = answer.body as { block: { block_header: { block_hash: string } } };
      assert.equal(block.block_header.block_hash, block_hash);
      if (route === 'account' && 'address' in question) {
        const query = await node.post('/v1/query/account', { ...question, height });
        const coins = query.body.coins as { amount: string }[];
        assert.equal(decoded?.amount ?? '0', coins[0]?.amount);
      }
      const byHash = await potoroo('verify', path, '--trusted-hash', block_hash);
      assert.equal(byHash.code, 0, byHash.stderr);
    }
  });

  it('is refused once a digit of it was changed', async () => {
    const forged = await save('account', { address: account }, { state_hash: '00'.repeat(32) });
    const { code, stdout, stderr } = await potoroo('verify', forged, '--genesis', genesis);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^error PROOF_MISMATCH: state_hash/);
  });

  it('is there for past heights, and gone for those before a restart', async () => {
    await node.commits(2);
    const before = await node.height();
    await save('account', { address: account, height: before - 1 });
    const kill = ['kill', 'persistence', '--by', 'throw', '--wait', '--home', node.entry.home];
    const { code, stderr } = await potoroo('actor', ...kill);
    assert.equal(code, 0, stderr);
    const restarted = await node.height();
    await node.commits(2);
    const gone = await node.post('/v1/proof/account', { address: account, height: before - 1 });
    assert.deepEqual([gone.status, gone.body.code], [410, 'PROOF_PRUNED']);
    const path = await save('account', { address: account, height: restarted + 1 });
    assert.equal((await potoroo('verify', path, '--genesis', genesis)).code, 0);
  });

  it('is what the program in the documentation believes, whose types are right', async () => {
    const [, program] = /```js\n([\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8')) ?? [];
    // Below the checkout: that is where the package is found by its name.
    const folder = mkdtempSync(join(ROOT, 'dist', 'light-client-'));
    try {
      const path = join(folder, 'balance.mjs');
      writeFileSync(path, program ?? '');
      const { stdout } = await promisify(execFile)(process.execPath, [path, node.entry.rpc_url, genesis, account]);
      const { amount } = JSON.parse(readFileSync(genesis, 'utf8')).accounts.find(
        (one: { address: string }) => one.address === account,
      );
      assert.match(stdout, new RegExp(`^(height \\d+: ${amount} uPOKT\\n){3}$`));
      const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const options = ['--allowJs', '--checkJs', '--strict', '--module', 'nodenext', '--target', 'es2023', '--noEmit'];
      execFileSync(process.execPath, [tsc, ...options, '--types', 'node', '--ignoreConfig', path], { cwd: ROOT });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
