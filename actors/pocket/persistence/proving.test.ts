import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hasCode } from '../../../runtime/errors.ts';
import { ACTOR_SERVICER, type Actor, NO_HEIGHT } from '../chain/actor.ts';
import { parseGenesis } from '../chain/genesis.ts';
import { toHex } from '../chain/hex.ts';
import { type Proven, trustGenesis, verifyStateProof } from '../chain/state-proof.ts';
import { parseStateProof, stateProofJson } from '../chain/state-proof-json.ts';
import type { ProvableTree, StateValue } from '../chain/state-values.ts';
import type { ProofParts } from './protocol.ts';
import {
  address,
  connect,
  decide,
  startActor,
  type TestActor,
  type TestServer,
  testGenesis,
  testServer,
  VALIDATOR,
} from './testing/harness.ts';

const coded = (code: string, data?: object) => (error: Error & { data?: object }) => {
  if (data !== undefined) assert.deepEqual(error.data, data);
  return hasCode(error, code);
};
const genesis = testGenesis({ accounts: 200 });
const trust = trustGenesis(parseGenesis(genesis));

/** Two of the accounts change with every block. */
const pay = (height: bigint) => ({
  accounts: [
    { address: address(1), amount: height },
    { address: address(10 + Number(height)), amount: height * 10n ** 20n },
  ],
});

function servicer(stake: bigint): Actor {
  return {
    type: ACTOR_SERVICER,
    address: address(7),
    publicKey: new Uint8Array(32).fill(7),
    chains: ['0001', '0021'],
    serviceUrl: 'https://servicer.example:443',
    stakedAmount: stake,
    pausedHeight: NO_HEIGHT,
    unstakingHeight: 2n ** 40n,
    output: address(8),
    missedBlocks: 0n,
    punishedHeight: 0n,
  };
}

describe('a proof of the state', () => {
  let server: TestServer;
  let schemas = 0;
  const actors: TestActor[] = [];
  const start = async (proofHeights = 100): Promise<TestActor> => {
    const actor = await startActor(server.url, { schema: `proof_${schemas}`, genesis, proofHeights });
    actors.push(actor);
    return actor;
  };
  const startFresh = (proofHeights?: number): Promise<TestActor> => {
    schemas += 1;
    return start(proofHeights);
  };
  /** Asked for, written as JSON, read again and verified with nothing but the genesis. */
  const prove = async (actor: TestActor, tree: ProvableTree, key: Uint8Array, height = 0n): Promise<Proven> =>
    verify(tree, key, await actor.ask.prove({ height, tree, key }));
  const verify = (tree: ProvableTree, key: Uint8Array, parts: ProofParts): Proven =>
    verifyStateProof(parseStateProof(JSON.parse(JSON.stringify(stateProofJson({ tree, key, ...parts })))), trust);
  const amountOf = (value: StateValue | null) => (value !== null && 'account' in value ? value.account.amount : value);
  const stakeOf = (value: StateValue | null) => (value !== null && 'actor' in value ? value.actor.stakedAmount : value);
  const name = (text: string) => new TextEncoder().encode(text);

  before(async () => {
    server = await testServer();
  });
  after(async () => {
    for (const actor of actors) await actor.stop();
    await server.stop();
  });

  it('shows accounts at every height as they were then, and that one was not there yet', async () => {
    const actor = await startFresh();
    const late = address(201);
    for (let height = 1n; height <= 12n; height++) {
      const { accounts } = pay(height);
      await decide(actor, { accounts: height < 9n ? accounts : [...accounts, { address: late, amount: 1n }] });
    }
    for (let height = 1n; height <= 12n; height++) {
      const proven = await prove(actor, 'account', address(1), height);
      assert.equal(amountOf(proven.value), height);
      assert.equal(proven.header.header.height, height);
      assert.equal(amountOf((await prove(actor, 'account', late, height)).value), height < 9n ? null : 1n);
      const other = await prove(actor, 'account', address(15), height);
      assert.equal(amountOf(other.value), height < 5n ? 1_000_000n : 5n * 10n ** 20n);
    }
    const tip = await actor.ask.tip({});
    assert.deepEqual((await prove(actor, 'account', address(1))).header.hash, Uint8Array.from(tip.blockHash));
  });

  it('shows actors while they are staked, and parameters', async () => {
    const actor = await startFresh();
    await decide(actor, pay(1n));
    await decide(actor, { actors: [servicer(5n)] });
    await decide(actor, { actors: [servicer(6n)] });
    await decide(actor, { removedActors: [{ type: ACTOR_SERVICER, address: address(7) }] });
    await decide(actor, { actors: [servicer(2n ** 100n)] });
    for (const [height, stake] of [null, 5n, 6n, null, 2n ** 100n].entries()) {
      const { value } = await prove(actor, 'servicer', address(7), BigInt(height + 1));
      assert.equal(stakeOf(value), stake, `height ${height + 1}`);
    }
    assert.equal(stakeOf((await prove(actor, 'val', address(VALIDATOR))).value), 1_000_000_000_000n);
    assert.equal(stakeOf((await prove(actor, 'app', address(VALIDATOR), 1n)).value), 5n);
    assert.equal(stakeOf((await prove(actor, 'fish', address(VALIDATOR))).value), null);
    const { value } = await prove(actor, 'params', name('message_send_fee'));
    assert.deepEqual(value, { tree: 'params', param: { name: 'message_send_fee', value: '10000', height: 0n } });
    assert.equal((await prove(actor, 'params', name('no_such_fee'))).value, null);
  });

  it('is refused for heights that are no longer kept, or not there yet', async () => {
    const actor = await startFresh(4);
    for (let height = 1n; height <= 9n; height++) await decide(actor, pay(height));
    const ask = (height: bigint) => actor.ask.prove({ height, tree: 'account', key: address(1) });
    await assert.rejects(ask(5n), coded('PROOF_PRUNED', { height: 5n, oldest: 6n }));
    await assert.rejects(ask(10n), coded('BLOCK_NOT_FOUND', { height: 10n, latest: 9n }));
    for (let height = 6n; height <= 9n; height++) {
      assert.equal(amountOf((await prove(actor, 'account', address(1), height)).value), height);
    }
    assert.match(await actor.metrics.metrics(), /potoroo_persistence_proof_heights 4\n/);
  });

  it('can be had after a restart of the tip, and of what is committed from then on', async () => {
    const actor = await startFresh();
    for (let height = 1n; height <= 3n; height++) await decide(actor, pay(height));
    await actor.stop();
    const restarted = await start();
    assert.equal(amountOf((await prove(restarted, 'account', address(1), 3n)).value), 3n);
    await assert.rejects(
      restarted.ask.prove({ height: 2n, tree: 'account', key: address(1) }),
      coded('PROOF_PRUNED', { height: 2n, oldest: 3n }),
    );
    await decide(restarted, pay(4n));
    for (const height of [3n, 4n]) {
      assert.equal(amountOf((await prove(restarted, 'account', address(1), height)).value), height);
    }
  });

  it('is of one state, whatever is committed while it is made', async () => {
    const actor = await startFresh(2);
    await decide(actor, pay(1n));
    for (let height = 2n; height <= 12n; height++) {
      const oldest = height - 1n;
      // The commit releases the state of `oldest - 1`, and the next one that of `oldest`, while answers are on their way.
      const asked = [0n, oldest].map((at) => actor.ask.prove({ height: at, tree: 'account', key: address(1) }));
      const committing = decide(actor, pay(height));
      for (const parts of await Promise.all(asked)) {
        assert.equal(amountOf(verify('account', address(1), parts).value), oldest);
      }
      await committing;
    }
  });

  it('is not made of rows that were changed behind the back of the node', async () => {
    const actor = await startFresh();
    await decide(actor, pay(1n));
    const sql = connect(server.url, `proof_${schemas}`);
    await sql`update account set amount = amount + 1 where height = 1 and address = ${address(1)}`;
    await sql.end();
    await assert.rejects(
      actor.ask.prove({ height: 0n, tree: 'account', key: address(1) }),
      coded('STATE_CORRUPT', { height: 1n, tree: 'account', key: toHex(address(1)) }),
    );
    assert.equal(amountOf((await prove(actor, 'account', address(2))).value), 1_000_000n);
  });
});
