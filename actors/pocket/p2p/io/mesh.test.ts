import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { toHex } from '../../chain/hex.ts';
import { addressOfValidator, seedOf, type TestNode, testMesh, testNode, testSigner, until } from './testing.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (node: TestNode): string[] => node.received.map(({ message }) => new TextDecoder().decode(message));

describe('four validators that dial each other at once', () => {
  let nodes: TestNode[];
  before(async () => {
    nodes = await testMesh(4);
  });
  after(() => Promise.all(nodes.map((node) => node.stop())));

  it('end with one connection to each peer', async () => {
    const counts = (): number[] => nodes.map(({ network }) => network.connections);
    await until(() => counts().every((count) => count === 3), 'one connection per pair');
    for (const { network } of nodes) {
      const { self, peers } = network.peers();
      assert.equal(self.peerId, network.peerId);
      assert.equal(peers.filter(({ connected }) => connected).length, 3);
      assert.ok(peers.every(({ address }) => address === '' || address.length === 40));
    }
    assert.ok(nodes.every(({ connected }) => connected.at(-1) === 3));
  });

  it('get every broadcast once and in order, from a proven sender', async () => {
    for (let n = 0; n < 200; n++) nodes[0]!.network.broadcast(bytes(`message ${n}`));
    await until(() => nodes.slice(1).every(({ received }) => received.length >= 200), 'the broadcast');
    const expected = Array.from({ length: 200 }, (_, n) => `message ${n}`);
    for (const node of nodes.slice(1)) {
      assert.deepEqual(texts(node), expected);
      assert.ok(node.received.every(({ from }) => from === toHex(addressOfValidator(0))));
    }
    assert.equal(nodes[0]!.received.length, 0);
  });

  it('get what is sent to one, and a proposal of 4 MB', async () => {
    for (const { received } of nodes) received.length = 0;
    const proposal = new Uint8Array(4_000_000).fill(7);
    nodes[1]!.network.send(addressOfValidator(2), proposal);
    nodes[1]!.network.send(addressOfValidator(2), bytes('after it'));
    await until(() => nodes[2]!.received.length === 2, 'the proposal');
    assert.deepEqual(
      nodes[2]!.received.map(({ message }) => message.length),
      [4_000_000, 8],
    );
    assert.equal(nodes[0]!.received.length + nodes[3]!.received.length, 0);
  });

  it('gossip each transaction to everyone once', async () => {
    // Gossip runs once the peers have told each other what they subscribe to.
    await until(() => nodes.every(({ network }) => network.gossipPeers === 3), 'the subscriptions');
    const transactions = Array.from({ length: 500 }, (_, n) => bytes(`transaction number ${n}`));
    nodes[3]!.network.gossip(transactions);
    const counts = (): number[] =>
      nodes.slice(0, 3).map(({ batches }) => batches.reduce((sum, batch) => sum + batch.transactions.length, 0));
    await until(() => counts().every((count) => count >= 500), 'the gossip');
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(counts(), [500, 500, 500]);
    assert.equal(nodes[0]!.batches.length, 1, 'in one batch');
    assert.equal(nodes[3]!.batches.length, 0);
  });

  it('are joined again by a node that was killed', async () => {
    const old = nodes[3]!;
    await old.stop();
    await until(() => nodes.slice(0, 3).every(({ network }) => network.provenValidators === 2), 'the loss');
    assert.ok(nodes.slice(0, 3).every(({ connected }) => connected.at(-1) === 2));
    nodes[0]!.network.send(addressOfValidator(3), bytes('to nobody'));
    // It dials nobody: the others come back to it.
    nodes[3] = await testNode({ index: 3, port: old.port, key: old.key });
    await until(() => nodes.every(({ network }) => network.provenValidators === 3), 'the return');
    nodes[0]!.network.send(addressOfValidator(3), bytes('welcome'));
    await until(() => nodes[3]!.received.length === 1, 'the message');
    assert.deepEqual(texts(nodes[3]!), ['welcome']);
    await until(() => nodes[3]!.network.gossipPeers === 3, 'the subscriptions');
    nodes[3]!.network.gossip([bytes('back')]);
    await until(() => nodes[0]!.batches.at(-1)?.transactions.length === 1, 'the gossip');
  });
});

describe('a node whose signer restarts', () => {
  it('is proven once the signer answers', async (t) => {
    const first = await testNode({ index: 0 });
    t.after(() => first.stop());
    const second = await testNode({ peers: [first.address], signer: testSigner(seedOf(1), 'test', {}, 2) });
    t.after(() => second.stop());
    await until(() => first.network.provenValidators === 1 && second.network.provenValidators === 1, 'the proof');
    assert.equal(second.network.peers().self.address, toHex(addressOfValidator(1)));
  });
});
