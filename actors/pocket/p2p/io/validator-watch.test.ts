import '../../../../net/promise-with-resolvers.ts';
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Peer } from '../../../../runtime/actor.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import { publicKeyOf } from '../../../../wasm/ed25519.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { encodeSyncRequest } from '../../chain/sync.ts';
import type { Validator } from '../../chain/validators.ts';
import type { PersistenceProtocol } from '../../persistence/protocol.ts';
import {
  addressOfValidator,
  pause,
  seedOf,
  type TestNode,
  type TestNodeOptions,
  testGenesis,
  testNode,
  testTip,
  until,
} from './testing.ts';

/** Validators 0 and 1 of the genesis; 2 is none yet. */
const GENESIS = parseGenesis(testGenesis(2));
const NEWCOMER = 2;

function validators(...indices: number[]): Validator[] {
  return indices.map((index) => ({
    address: addressOfValidator(index),
    publicKey: publicKeyOf(seedOf(index)),
    serviceUrl: '',
    power: 1n,
  }));
}

/** Persistence whose tip the test says, once it is not down any more. */
class Tips {
  tip = testTip(GENESIS);
  failures = 0;
  asked = 0;
  readonly peer = {
    ready: true,
    tell: () => true,
    ask: async (type: string) => {
      if (type !== 'tip') return { block: Uint8Array.of(1) };
      this.asked++;
      if (this.failures-- > 0) throw new CodedError('ACTOR_RESTARTED', 'persistence is down');
      return this.tip;
    },
  } as unknown as Peer<PersistenceProtocol>;
}

describe('the validators, as the chain goes on', () => {
  const nodes: TestNode[] = [];
  after(() => Promise.all(nodes.map((node) => node.stop())));
  const node = async (options: TestNodeOptions): Promise<TestNode> => {
    const started = await testNode({ genesis: GENESIS, ...options });
    nodes.push(started);
    return started;
  };
  const isKnown = (one: TestNode, index: number) => one.known().includes(toHex(addressOfValidator(index)));

  it('an observer that becomes a validator is one without connecting again, and the other way round', async () => {
    const member = await node({ index: 0 });
    const newcomer = await node({ index: NEWCOMER, peers: [member.address] });
    await until(() => isKnown(member, NEWCOMER) && isKnown(newcomer, 0), 'the proven addresses');
    assert.equal(member.network.provenValidators, 0, 'its certificate is good, and it is no validator');
    newcomer.network.send(addressOfValidator(0), Uint8Array.of(1));
    const dropped = { what: 'consensus_in_observer' };
    const drops = () => member.metric('potoroo_p2p_dropped_total', dropped);
    await until(async () => (await drops()) === 1, 'the drop');
    assert.equal(member.received.length, 0, 'an observer has no voice');
    assert.equal(await member.metric('potoroo_p2p_bans_total'), 0);

    const { connections } = member.network;
    member.network.committed(1n, validators(0, 1, NEWCOMER));
    newcomer.network.committed(1n, validators(0, 1, NEWCOMER));
    assert.equal(member.network.provenValidators, 1);
    assert.equal(member.connected.at(-1), 1, 'consensus is told');
    newcomer.network.broadcast(Uint8Array.of(2));
    await until(() => member.received.length === 1, 'the message');
    assert.equal(member.received[0]?.from, toHex(addressOfValidator(NEWCOMER)));
    assert.equal(member.network.connections, connections);

    // Gone from the set: for one more set it is still heard, because others may be a block behind.
    member.network.committed(2n, validators(0, 1));
    assert.equal(member.network.provenValidators, 0);
    newcomer.network.send(addressOfValidator(0), Uint8Array.of(3));
    await until(() => member.received.length === 2, 'the last message');
    member.network.committed(3n, validators(0));
    newcomer.network.send(addressOfValidator(0), Uint8Array.of(4));
    await until(async () => (await drops()) === 2, 'the drop');
    assert.equal(member.received.length, 2);
  });

  it('any peer with a proven address is asked for blocks, and may be accused', async () => {
    const tips = new Tips();
    const server = await node({ index: NEWCOMER, persistence: tips.peer });
    const client = await node({ index: 0, peers: [server.address] });
    await until(() => isKnown(client, NEWCOMER) && isKnown(server, 0), 'the proven addresses');
    const request = encodeSyncRequest({ kind: 'block', blockHash: new Uint8Array(32) });
    assert.ok((await client.network.request(addressOfValidator(NEWCOMER), request, 5_000)).length > 0);
    client.network.accuse(addressOfValidator(NEWCOMER), 'qc_invalid');
    assert.equal(await client.metric('potoroo_p2p_violations_total', { reason: 'sync_lie' }), 1);
    assert.ok(isKnown(client, NEWCOMER), 'once is not enough');
    client.network.accuse(addressOfValidator(NEWCOMER), 'qc_invalid');
    await until(() => client.network.connections === 0, 'the ban');
    await assert.rejects(client.network.request(addressOfValidator(NEWCOMER), request, 5_000), {
      code: 'PEER_UNREACHABLE',
    });
  });

  it('are asked for at the start until persistence answers, and again where blocks went unheard', async () => {
    const tips = new Tips();
    tips.failures = 2;
    tips.tip = { ...testTip(GENESIS, 5n), validators: validators(0, 1, NEWCOMER) };
    const member = await node({ index: 0, persistence: tips.peer });
    const newcomer = await node({ index: NEWCOMER, peers: [member.address] });
    await until(() => isKnown(member, NEWCOMER), 'the proven address');
    await until(() => member.network.provenValidators === 1, 'the validators of the tip');
    assert.equal(tips.asked, 3);
    member.network.committed(6n, null);
    await pause(50);
    assert.equal(tips.asked, 3, 'the next block has told all there is to know');
    tips.tip = { ...testTip(GENESIS, 9n), voters: validators(0, 1), validators: validators(0, 1) };
    member.network.committed(9n, null);
    await until(() => member.network.provenValidators === 0, 'the validators after the gap');
    assert.equal(tips.asked, 4);
    await newcomer.stop();
  });
});
