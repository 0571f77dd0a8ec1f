import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { CodedError } from '../../../runtime/errors.ts';
import { parseGenesis } from '../chain/genesis.ts';
import { toHex } from '../chain/hex.ts';
import { type Proven, trustGenesis, verifyStateProof } from '../chain/state-proof.ts';
import { parseStateProof, stateProofJsonSchema } from '../chain/state-proof-json.ts';
import type { ProofRequest } from '../persistence/protocol.ts';
import {
  address,
  decide,
  startActor,
  type TestActor,
  type TestServer,
  testGenesis,
  testServer,
  VALIDATOR,
} from '../persistence/testing/harness.ts';
import type { RpcConfig } from './config.ts';
import { type Answer, startNode, type TestNode, wellPeers } from './test-node.ts';

/** Blocks of the chain; the state of the last three can be proven. */
const HEIGHT = 7n;
const KEPT = 3;

const genesis = testGenesis({ accounts: 20 });
const trust = trustGenesis(parseGenesis(genesis));
const someone = toHex(address(1));
const running: TestNode[] = [];
let server: TestServer;
let persistence: TestActor;

before(async () => {
  server = await testServer();
  persistence = await startActor(server.url, { genesis, proofHeights: KEPT });
  for (let height = 1n; height <= HEIGHT; height++) {
    await decide(persistence, { accounts: [{ address: address(1), amount: 10n ** 25n + height }] });
  }
});
after(async () => {
  await persistence.stop();
  await server.stop();
});
afterEach(async () => {
  for (const node of running.splice(0)) await node.behaviour.stop();
});

/** The HTTP API in front of a real persistence. */
async function start(prove = persistence.ask.prove, config: Partial<RpcConfig> = {}): Promise<TestNode> {
  const peers = { ...wellPeers(), persistence: { prove: (body: object) => prove(body as ProofRequest) } };
  const node = await startNode(peers, config, server.url);
  running.push(node);
  return node;
}

function verified({ status, text }: Answer): Proven {
  assert.equal(status, 200, text);
  const json: unknown = JSON.parse(text);
  stateProofJsonSchema.parse(json);
  return verifyStateProof(parseStateProof(json), trust);
}

test('an account is proven with its balance at each height that is kept, 0 being the latest', async () => {
  const node = await start();
  for (const height of [0n, 5n, 6n, 7n]) {
    const answer = await node.post('/v1/proof/account', { address: someone.toUpperCase(), height: Number(height) });
    const { value, header } = verified(answer);
    const at = height === 0n ? HEIGHT : height;
    assert.equal(header.header.height, at);
    assert.deepEqual(value, { tree: 'account', account: { address: address(1), amount: 10n ** 25n + at } });
    assert.deepEqual(answer.body.decoded, { address: someone, amount: String(10n ** 25n + at) });
    assert.equal(answer.body.network_id, 'test');
  }
  const latest = await node.post('/v1/proof/account', { address: someone });
  assert.equal(latest.body.height, Number(HEIGHT));
});

test('actors and parameters are proven, and what is not there', async () => {
  const node = await start();
  const validator = toHex(address(VALIDATOR));
  const staked = await node.post('/v1/proof/actor', { actor_type: 'validator', address: validator });
  assert.equal(verified(staked).value?.tree, 'val');
  assert.equal(staked.body.decoded.staked_amount, '1000000000000');
  const app = await node.post('/v1/proof/actor', { actor_type: 'application', address: validator });
  assert.equal(verified(app).value?.tree, 'app');
  assert.equal(app.body.decoded.actor_type, 'application');
  const absent = await node.post('/v1/proof/actor', { actor_type: 'fisherman', address: validator });
  assert.equal(verified(absent).value, null);
  assert.deepEqual([absent.body.value, absent.body.decoded], [null, null]);
  const fee = await node.post('/v1/proof/param', { param_name: 'message_send_fee' });
  verified(fee);
  assert.deepEqual(fee.body.decoded, { parameter_name: 'message_send_fee', parameter_value: '10000', height: 0 });
  assert.equal(verified(await node.post('/v1/proof/param', { param_name: 'no_such_fee' })).value, null);
  assert.equal(verified(await node.post('/v1/proof/account', { address: 'ab'.repeat(20) })).value, null);
});

test('a height whose state is gone is 410 and names the oldest that is kept; one to come is 404', async () => {
  const node = await start();
  const ask = (height: number) => node.post('/v1/proof/account', { address: someone, height });
  const gone = await ask(4);
  assert.deepEqual([gone.status, gone.body.code], [410, 'PROOF_PRUNED']);
  assert.match(gone.body.message, /oldest that this node can prove is 5/);
  const early = await ask(8);
  assert.deepEqual([early.status, early.body.code], [404, 'BLOCK_NOT_FOUND']);
});

test('bad questions are 400', async () => {
  const node = await start();
  for (const [route, body, code] of [
    ['account', {}, 'INVALID_REQUEST'],
    ['account', { address: 'xyz' }, 'HEX_INVALID'],
    ['account', { address: someone, height: -1 }, 'INVALID_REQUEST'],
    ['account', { address: someone, tree: 'pool' }, 'INVALID_REQUEST'],
    ['actor', { address: someone }, 'INVALID_REQUEST'],
    ['actor', { address: someone, actor_type: 'val' }, 'INVALID_REQUEST'],
    ['param', { param_name: 'Fee; drop' }, 'INVALID_REQUEST'],
    ['param', { param_name: 'a'.repeat(129) }, 'INVALID_REQUEST'],
  ] as const) {
    const answer = await node.post(`/v1/proof/${route}`, body);
    assert.deepEqual([answer.status, answer.body.code], [400, code], JSON.stringify(body));
  }
});

test('proofs beyond the limit, and those of a part that restarts, are 503', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: typeof persistence.ask.prove = async (body) => {
    await held;
    return persistence.ask.prove(body);
  };
  const node = await start(slow, { max_concurrent_proofs: 2 });
  const asked = Array.from({ length: 5 }, () => node.post('/v1/proof/account', { address: someone }));
  // Those that got in are held until the others were refused: whoever comes late must not find a free place.
  let refusals = 0;
  for (const answer of asked) {
    void answer.then(({ body }) => {
      if (body.code === 'RPC_BUSY' && ++refusals === 3) release();
    });
  }
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 200, 503, 503, 503]);
  const dying = await start(() => Promise.reject(new CodedError('ACTOR_RESTARTED', 'it is restarting')));
  const answer = await dying.post('/v1/proof/param', { param_name: 'acl_owner' });
  assert.deepEqual([answer.status, answer.body.code], [503, 'ACTOR_RESTARTED']);
});
