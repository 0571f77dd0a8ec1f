import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../chain/hex.ts';
import { Chain, member } from '../testing/chain.ts';
import { type Behaviour, type ScriptedPeer, SyncWorld, type WorldOptions } from '../testing/sync-world.ts';
import { syncView } from './sync.ts';

/** A key that is no validator's. */
const FOLLOWER = member(99).address;
const TEN_MINUTES_ms = 600_000;
/** Bounds that core/sync-window.ts and core/sync-peers.ts promise. */
const WINDOW_BLOCKS = 128;
const FLIGHTS_PER_PEER = 2;

const LIES: readonly Behaviour[] = ['forges certificates', 'forges blocks', 'shifts blocks', 'serves garbage'];
const OTHERS: readonly Behaviour[] = ['honest', 'slow', 'moody', 'stalls', 'away', 'boasts', 'empty'];

/** Connected peers of these behaviours, which are no validators: what they serve proves itself. */
function peersOf(...behaviours: Behaviour[]): ScriptedPeer[] {
  return behaviours.map((behaviour, index) => ({ address: member(index + 41).address, behaviour }));
}

function world(options: Partial<WorldOptions> & { chain: Chain }): SyncWorld {
  return new SyncWorld({ peers: peersOf('honest', 'honest', 'honest', 'honest'), self: FOLLOWER, ...options });
}

function catchesUp(one: SyncWorld, chain: Chain, within_ms = TEN_MINUTES_ms) {
  const done = one.run(within_ms, () => one.height === chain.height);
  assert.deepEqual(one.wrong, []);
  assert.ok(done, `at ${one.height} of ${chain.height}`);
}

function addressesOf(peers: readonly ScriptedPeer[], ...behaviours: Behaviour[]): Set<string> {
  return new Set(peers.filter(({ behaviour }) => behaviours.includes(behaviour)).map(({ address }) => toHex(address)));
}

describe('catching up with blocks', () => {
  it('takes them from several peers at once, within its bounds, and says how far it is', () => {
    const chain = new Chain(600);
    const one = world({ chain });
    one.run(2_100);
    const { state, target, rate_blocks_per_s, eta_s, peers } = syncView(one.state);
    assert.equal(state, 'sync_mode');
    assert.equal(target, 600n);
    assert.ok(rate_blocks_per_s > 10 && eta_s !== null && eta_s > 0 && eta_s < 100);
    assert.equal(peers, 4);
    catchesUp(one, chain, 20_000);
    assert.ok(one.peakWindow > 32 && one.peakWindow <= WINDOW_BLOCKS, `${one.peakWindow}`);
    assert.equal(one.peakOfPeer, FLIGHTS_PER_PEER);
    const asked = one.facts.filter((fact) => fact.fact === 'fetched' && fact.outcome === 'ok');
    assert.equal(
      new Set(asked.map((fact) => fact.fact === 'fetched' && fact.address)).size,
      4,
      'all peers had a share',
    );
    assert.deepEqual(one.phases(), ['sync_mode', 'synced']);
    one.run(2_000);
    assert.equal(syncView(one.state).eta_s, 0);
  });

  it('executes the next block while the one before is committed', () => {
    const chain = new Chain(200);
    const one = world({ chain });
    const began_ms = one.now_ms;
    catchesUp(one, chain);
    // One after the other they would take 10 ms each, and 6 ms where only the commits stand in line.
    assert.ok(one.now_ms - began_ms < 200 * 10, `${one.now_ms - began_ms} ms`);
  });

  it('goes on across changes of the validators', () => {
    const chain = new Chain(120, [1, 17, 18, 60, 119]);
    const one = world({ chain });
    catchesUp(one, chain);
    assert.deepEqual([...one.badPeers()], []);
  });

  it('completes whatever the mix of peers, as long as one is honest, and accuses liars only', () => {
    const behaviours = fc.array(fc.constantFrom(...LIES, ...OTHERS), { maxLength: 6 });
    const changes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 });
    fc.assert(
      fc.property(behaviours, fc.nat(), changes, fc.boolean(), (mix, at, changesAt, isValidator) => {
        const chain = new Chain(70, changesAt);
        const index = at % (mix.length + 1);
        const peers = peersOf(...mix.slice(0, index), 'honest', ...mix.slice(index));
        // A validator of the last set, which learns of blocks like everybody else while it is silent.
        const self = isValidator ? chain.set.list.at(-1)!.address : FOLLOWER;
        const one = world({ chain, peers, self });
        catchesUp(one, chain);
        const liars = addressesOf(peers, ...LIES);
        for (const address of one.accused) assert.ok(liars.has(address), `accused ${address}`);
        assert.ok(one.peakWindow <= WINDOW_BLOCKS && one.peakOfPeer <= FLIGHTS_PER_PEER);
      }),
      { numRuns: 40 },
    );
  });

  for (const lie of LIES) {
    it(`reports a peer that ${lie}, and leaves it alone for a while`, () => {
      const chain = new Chain(150);
      const peers = peersOf(lie, 'honest');
      const one = world({ chain, peers });
      catchesUp(one, chain, 20_000);
      assert.deepEqual(one.accused, addressesOf(peers, lie));
      assert.deepEqual(one.badPeers(), addressesOf(peers, lie));
      const asked = one.requests.get(toHex(peers[0]!.address)) ?? 0;
      assert.ok(asked <= 5, `${asked} requests to a liar`);
    });
  }

  it('gives up a peer that stalls, and one that serves nothing of what it claims', () => {
    for (const behaviour of ['stalls', 'boasts'] as const) {
      const chain = new Chain(150);
      const peers = peersOf(behaviour, 'honest');
      const one = world({ chain, peers });
      catchesUp(one, chain, 30_000);
      assert.equal(one.accused.size, 0, 'it may be its line');
    }
  });

  it('prefers quick peers to slow ones', () => {
    const chain = new Chain(800);
    const peers = peersOf('slow', 'honest');
    const one = world({ chain, peers });
    catchesUp(one, chain);
    const blocksOf = ({ address }: ScriptedPeer) =>
      one.facts.reduce(
        (sum, fact) => (fact.fact === 'fetched' && fact.address === toHex(address) ? sum + fact.blocks : sum),
        0,
      );
    assert.ok(3 * blocksOf(peers[0]!) < blocksOf(peers[1]!), `${blocksOf(peers[0]!)} of ${blocksOf(peers[1]!)}`);
  });
});

describe('claims', () => {
  it('stop no rounds: only proofs do', () => {
    const chain = new Chain(20);
    const self = chain.genesisSet.list[0]!.address;
    const peers = chain.genesisSet.list.slice(1).map(({ address }): ScriptedPeer => ({ address, behaviour: 'boasts' }));
    const one = world({ chain, peers, self, from: 20n });
    one.run(120_000);
    assert.equal(one.state.catchup, null);
    assert.ok(one.state.view.started);
    assert.equal(syncView(one.state).state, 'pacemaker');
    assert.equal(syncView(one.state).target, 20n, 'what nobody serves does not count');
    const requests = [...one.requests.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(requests < 3 * 120 * 2, `${requests} requests in two minutes`);
  });

  it('a validator that was away learns from them that it is behind, and comes back to its rounds', () => {
    const chain = new Chain(80);
    const self = chain.genesisSet.list[0]!.address;
    const peers = chain.genesisSet.list.slice(1).map(({ address }): ScriptedPeer => ({ address, behaviour: 'honest' }));
    const one = world({ chain, peers, self });
    catchesUp(one, chain, 20_000);
    one.run(5_000);
    assert.equal(one.state.catchup, null);
    assert.ok(one.state.view.started);
    assert.deepEqual(one.phases(), ['sync_mode', 'pacemaker']);
  });
});

describe('a node that is no validator', () => {
  it('follows the tip, a second or two behind', () => {
    const chain = new Chain(10);
    const one = world({ chain });
    catchesUp(one, chain);
    for (let block = 0; block < 60; block++) {
      one.run(1_000);
      assert.ok(chain.height - one.height <= 2n, `${one.height} of ${chain.height}`);
      chain.grow();
    }
    assert.deepEqual(one.wrong, []);
    assert.deepEqual(one.phases(), ['sync_mode', 'synced'], 'it is not behind for a block of the last second');
  });

  it('knows that it knows nothing while nobody answers', () => {
    const chain = new Chain(10);
    const one = world({ chain, peers: peersOf('away', 'away') });
    one.run(30_000);
    assert.equal(syncView(one.state).state, 'unsynced');
    assert.equal(syncView(one.state).peers, 0);
  });
});

describe('catching up with a snapshot', () => {
  const options = { snapshotThreshold_blocks: 100, snapshotAt: 300n };

  it('is for who is far behind; the blocks after it are fetched', () => {
    const chain = new Chain(320);
    const one = world({ chain, ...options });
    catchesUp(one, chain, 20_000);
    assert.equal(one.restores, 1);
    const blocks = one.facts.filter((fact) => fact.fact === 'committed').length;
    assert.equal(blocks, 20);
    const near = world({ chain, ...options, from: 250n });
    catchesUp(near, chain);
    assert.equal(near.restores, 0);
    const never = world({ chain, ...options, snapshotThreshold_blocks: 0 });
    catchesUp(never, chain);
    assert.equal(never.restores, 0);
  });

  it('is the way where nobody has the blocks any more', () => {
    const chain = new Chain(320);
    const peers = peersOf('pruned', 'pruned');
    const one = world({ chain, peers, snapshotAt: 300n });
    catchesUp(one, chain);
    assert.equal(one.restores, 1);
  });

  it('is proven by a chain of headers across changes of the validators', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 6 }), (changes) => {
        const chain = new Chain(310, changes);
        const one = world({ chain, ...options });
        catchesUp(one, chain);
        assert.equal(one.restores, 1);
        assert.deepEqual([...one.badPeers()], []);
        const headers = [...one.requests.values()].reduce((sum, count) => sum + count, 0);
        // Halving: nine questions for each change of the set, and the rest.
        assert.ok(headers < 40 + 12 * changes.length, `${headers} requests`);
      }),
      { numRuns: 15 },
    );
  });

  it('completes whatever peers lie about, as long as one is honest', () => {
    const kinds = [
      'forges snapshots',
      'forges rows',
      'boasts',
      'stalls',
      'serves garbage',
      'moody',
      'away',
      'honest',
    ] as const;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 5 }), fc.nat(), (mix, at) => {
        const chain = new Chain(320, [150]);
        const index = at % (mix.length + 1);
        const peers = peersOf(...mix.slice(0, index), 'honest', ...mix.slice(index));
        const one = world({ chain, peers, ...options });
        catchesUp(one, chain);
        const liars = addressesOf(peers, 'forges snapshots', 'forges rows', 'serves garbage');
        for (const address of one.accused) assert.ok(liars.has(address), `accused ${address}`);
      }),
      { numRuns: 25 },
    );
  });

  it('whose rows are false costs all who showed it, and another one is taken', () => {
    const chain = new Chain(320);
    const peers = peersOf('forges rows', 'forges rows', 'honest');
    const one = world({ chain, peers, ...options });
    catchesUp(one, chain, 60_000);
    assert.deepEqual(one.accused, addressesOf(peers, 'forges rows'));
  });
});
