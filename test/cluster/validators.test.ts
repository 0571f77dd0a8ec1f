import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { potoroo } from '../support/command.ts';
import { LocalNetwork } from '../support/local-network.ts';

/** What an operator does with validators, against a network of four that decides all the while. */

const STAKE = '15000000000';

interface Listed {
  address: string;
  status: string;
  staked_amount: string;
}

describe('the life of a validator', () => {
  let directory: string;
  let network: LocalNetwork;
  /** An account of the network, which becomes the fifth validator; nobody runs a node for it. */
  let fifth: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'potoroo-validators-'));
    network = new LocalNetwork(join(directory, 'net'), '--validators', '4');
    await network.allRunning();
    fifth = readdirSync(join(network.directory, 'accounts'))[0]!.replace('.json', '');
  });
  after(async () => {
    await network.end();
    rmSync(directory, { recursive: true, force: true });
  });

  const run = async (...parameters: string[]) => {
    const { code, stdout, stderr } = await potoroo(...parameters, '--dir', network.directory, '--json');
    return { code, stderr, answer: stdout === '' ? null : JSON.parse(stdout) };
  };
  const done = async (...parameters: string[]): Promise<{ height: number }> => {
    const { code, stderr, answer } = await run(...parameters, '--wait');
    assert.equal(code, 0, stderr);
    return answer;
  };
  const list = async (): Promise<Listed[]> => (await run('validator', 'list')).answer;
  const statusOf = async (address: string) => (await list()).find((one) => one.address === address)?.status;
  const setHashes = async (height: number): Promise<[string, string]> => {
    const response = await fetch(`${network.node(1).rpc_url}/v1/query/block`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ height }),
    });
    const { val_set_hash, next_val_set_hash } = ((await response.json()) as { block: { block_header: never } }).block
      .block_header as { val_set_hash: string; next_val_set_hash: string };
    return [val_set_hash, next_val_set_hash];
  };

  it('is staked, and decides from the height after its block', async () => {
    const { height } = await done('validator', 'stake', fifth, STAKE, 'localhost:1');
    assert.equal((await list()).length, 5);
    assert.equal(await statusOf(fifth), 'active');
    const [now, next] = await setHashes(height);
    assert.notEqual(now, next);
    await network.reaches(height + 1);
    assert.equal((await setHashes(height + 1))[0], next);
  });

  it('pauses and comes back, and is told what it may not do', async () => {
    const { stderr, code } = await run('validator', 'unpause', fifth, '--wait');
    assert.equal(code, 1);
    assert.match(stderr, /TX_REFUSED.*code 67: ACTOR_NOT_PAUSED/);
    const { height } = await done('validator', 'pause', fifth);
    assert.equal(await statusOf(fifth), `paused at ${height}`);
    await network.reaches(height + 4);
    await done('validator', 'unpause', fifth);
    assert.equal(await statusOf(fifth), 'active');
  });

  it('is run by a node, which goes on following while it is paused and decides again afterwards', async () => {
    const { address, home } = network.node(4);
    const key = join(home, 'keys', 'validator.json');
    await done('account', 'send', fifth, address, '1000000');
    const { height } = await done('validator', 'pause', key);
    await network.reaches(height + 5);
    await done('validator', 'unpause', key);
    assert.equal(await statusOf(address), 'active');
    await network.reaches((await network.height(1)) + 3);
  });

  it('leaves, is paid out, and all nodes hold the same chain', async () => {
    const { height } = await done('validator', 'unstake', fifth);
    assert.equal(await statusOf(fifth), `leaving at ${height + 20}`);
    await network.reaches(height + 20);
    assert.equal((await list()).length, 4);
    assert.equal((await run('validator', 'status', fifth)).code, 1);
    assert.equal(await network.end('SIGINT'), 0, network.output);
  });
});
