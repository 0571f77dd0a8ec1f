import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TrieKernel } from '../../../../wasm/trie.ts';
import { BLOCK_VERSION, blockHash, bodyRoot, type Header } from '../../chain/block.ts';
import { testValidators } from '../../chain/testing.ts';
import { ChainState } from './chain-state.ts';
import { StateTries } from './tries.ts';
import { Validators } from './validators.ts';
import { ReplayWindow } from './window.ts';

const none = new Uint8Array();
const validators = Validators.of({ weight: 'validator', limit: 4 }, testValidators(1));
const ACCOUNTS = 400;

function headerOn(parent: Header | null, tries?: StateTries): Header {
  return {
    height: parent === null ? 0n : parent.height + 1n,
    networkId: 'test',
    stateHash: tries?.stateHash ?? none,
    prevStateHash: none,
    proposerAddress: none,
    quorumCertificate: none,
    timestamp_ms: 0n,
    stateTreeHashes: tries?.treeHashes ?? [],
    valSetHash: none,
    nextValSetHash: none,
    version: BLOCK_VERSION,
    parentHash: parent === null ? none : blockHash(parent),
    bodyRoot: bodyRoot([]),
  };
}

function chainIn(memory: TrieKernel | undefined, heights: number, memory_bytes = 2 ** 30): ChainState {
  const tries = StateTries.empty(memory);
  const header = headerOn(null, tries);
  const tip = { header, hash: blockHash(header), commitQc: null, tries, validators, voters: validators.active };
  return new ChainState(tip, new ReplayWindow(), { heights, memory_bytes });
}

/** Every block sets all accounts: none of its nodes is shared with the state before. */
function advance(chain: ChainState): void {
  const accounts = Array.from({ length: ACCOUNTS }, (_, number) => ({
    address: new Uint8Array(20).fill(number & 255).fill(number >> 8, 0, 4),
    amount: chain.tip.header.height,
  }));
  const changes = { accounts, pools: [], actors: [], removedActors: [] };
  const header = headerOn(chain.tip.header);
  const block = chain.execute({ header, transactions: [], receipts: [], changes });
  chain.stage(block);
  chain.commit(block, none);
}

it('proves the last heights, that of the tip among them, and no others', () => {
  const chain = chainIn(undefined, 3);
  assert.equal(chain.proofHeights, 1);
  for (let height = 1; height <= 6; height++) advance(chain);
  assert.equal(chain.proofHeights, 3);
  for (const height of [4n, 5n, 6n]) {
    const { header, tries } = chain.provable(height);
    assert.equal(header.height, height);
    assert.deepEqual(tries.stateHash, header.stateHash);
  }
  assert.equal(chain.provable(0n).header.height, 6n);
  assert.throws(() => chain.provable(3n), { code: 'PROOF_PRUNED', data: { height: 3n, oldest: 4n } });
  assert.throws(() => chain.provable(7n), { code: 'BLOCK_NOT_FOUND', data: { height: 7n, latest: 6n } });
});

it('keeps only the tip for proofs where one height is wanted, and proves nothing where none is', () => {
  const one = chainIn(undefined, 1);
  const off = chainIn(undefined, 0);
  for (const chain of [one, off]) for (let height = 1; height <= 3; height++) advance(chain);
  assert.equal(one.provable(0n).header.height, 3n);
  assert.throws(() => one.provable(2n), { code: 'PROOF_PRUNED' });
  assert.equal(off.proofHeights, 0);
  for (const height of [0n, 3n]) assert.throws(() => off.provable(height), { code: 'PROOF_PRUNED' });
});

it('gives up states that are kept for proofs rather than a block, where memory ends', () => {
  // Room for some ten such states.
  const memory = new TrieKernel({}, { maxBytes: 2_000_000 });
  const chain = chainIn(memory, 1_000);
  let most = 0;
  for (let height = 1; height <= 60; height++) {
    advance(chain);
    most = Math.max(most, chain.proofHeights);
  }
  assert.equal(chain.tip.header.height, 60n);
  assert.ok(most > 3 && most < 50, `${most} heights at most`);
  const oldest = 60n - BigInt(chain.proofHeights - 1);
  assert.deepEqual(chain.provable(oldest).tries.stateHash, chain.provable(oldest).header.stateHash);
  assert.throws(() => chain.provable(oldest - 1n), { code: 'PROOF_PRUNED' });
});

it('keeps fewer heights where their states would take more memory than they may', () => {
  const chain = chainIn(new TrieKernel(), 1_000, 500_000);
  for (let height = 1; height <= 60; height++) {
    advance(chain);
    const { tries } = chain.tip;
    assert.ok(tries.others_bytes <= 500_000, `${tries.others_bytes} bytes`);
  }
  // All leaves and branches of 400 accounts, for each height.
  const each = ACCOUNTS * (104 + 64);
  assert.ok(Math.abs(chain.proofHeights - 500_000 / each) <= 2, `${chain.proofHeights} heights`);
});
