import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BLOCK_VERSION } from '../../chain/block.ts';
import { testValidators } from '../../chain/testing.ts';
import { type StagedBlock, StagingTree } from './staging.ts';
import { StateTries } from './tries.ts';
import { Validators } from './validators.ts';

const validators = Validators.of({ weight: 'validator', limit: 4 }, testValidators(1));

const none = new Uint8Array();
const hash = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const key = 'aa'.repeat(20);

function block(number: number, parent: number, amount?: bigint): StagedBlock {
  return {
    header: {
      height: 1n,
      networkId: 'test',
      stateHash: none,
      prevStateHash: none,
      proposerAddress: none,
      quorumCertificate: none,
      timestamp_ms: 0n,
      stateTreeHashes: [],
      valSetHash: none,
      nextValSetHash: none,
      version: BLOCK_VERSION,
      parentHash: hash(parent),
      bodyRoot: none,
    },
    hash: hash(number),
    transactions: [],
    changes: {
      accounts: amount === undefined ? [] : [{ address: Buffer.from(key, 'hex'), amount }],
      pools: [],
      actors: [],
      removedActors: [],
    },
    receipts: [],
    tries: StateTries.empty(),
    validators,
    voters: validators.active,
  };
}

it('looks amounts up in the youngest block of a branch that set them', () => {
  const tree = new StagingTree();
  for (const staged of [block(1, 0, 10n), block(2, 1, 20n), block(3, 2), block(4, 1, 0n)]) tree.add(staged);
  assert.equal(tree.lookUp(hash(1)).account(key), 10n);
  assert.equal(tree.lookUp(hash(3)).account(key), 20n);
  assert.equal(tree.lookUp(hash(4)).account(key), 0n);
  assert.equal(tree.lookUp(hash(0)).account(key), undefined);
  assert.equal(tree.lookUp(hash(3)).pool(key), undefined);
});

it('keeps what stands on a committed block and drops the rest', () => {
  const tree = new StagingTree();
  for (const staged of [block(1, 0), block(2, 0), block(3, 1), block(4, 3), block(5, 2)]) tree.add(staged);
  const dropped = tree.settle(hash(1)).map((staged) => staged.hash[0]);
  assert.deepEqual(dropped.sort(), [1, 2, 5]);
  assert.deepEqual(
    tree.branch(hash(4)).map((staged) => staged.hash[0]),
    [4, 3],
  );
  assert.equal(tree.size, 2);
});
