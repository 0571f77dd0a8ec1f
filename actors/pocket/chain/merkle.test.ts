import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from './hex.ts';
import { merkleRoot } from './merkle.ts';

test('roots are those of RFC 6962', () => {
  // Computed with the recursive definition of the RFC, by another program. Leaf i is i + 1 bytes of value i.
  const roots: Readonly<Record<number, string>> = {
    0: '00'.repeat(32),
    1: '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    2: 'e449187a936d72a12be931fa9e3805c22d852419aff6a60dab9644cc706a052f',
    3: 'bd1a006735cd8a22a057e795ef3eef176b7decaa8cae5f8a30fa7aafe53b23df',
    5: '18905e86210bad694f6ea49e44eeb076e9f10dfdebca44235e7b10d7a12ef88f',
    7: '15f290e6a28a2633d48b2b7c86adc7d20596296fdb865166ea8a108e050a30e9',
  };
  for (const [count, root] of Object.entries(roots)) {
    const leaves = Array.from({ length: Number(count) }, (_, i) => new Uint8Array(i + 1).fill(i));
    assert.equal(toHex(merkleRoot(leaves)), root, `${count} leaves`);
  }
});

test('order and repetition change the root', () => {
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
  assert.notDeepEqual(merkleRoot([a, b]), merkleRoot([b, a]));
  assert.notDeepEqual(merkleRoot([a, b]), merkleRoot([a, b, b]));
});
