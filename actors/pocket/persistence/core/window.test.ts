import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../chain/hex.ts';
import { StateTries } from './tries.ts';
import { isInWindow, ReplayWindow, type WindowEntry, windowEntries } from './window.ts';

/** For each block: how far ahead its transactions are valid; null for unbound ones. */
const chains = fc.array(fc.array(fc.option(fc.integer({ min: 0, max: 6 })), { maxLength: 4 }), { maxLength: 15 });

it('holds after each block exactly the transactions that its height still admits', () => {
  fc.assert(
    fc.property(chains, (blocks) => {
      const window = new ReplayWindow();
      const all: WindowEntry[] = [];
      let tries = StateTries.empty();
      for (const [index, aheads] of blocks.entries()) {
        const height = BigInt(index + 1);
        const added = aheads.map((ahead, number): WindowEntry => {
          const validUntilHeight = ahead === null ? 0n : height + BigInt(ahead);
          return { replayKey: Uint8Array.of(index, number), validUntilHeight, bytes: Uint8Array.of(1) };
        });
        tries = tries.update({ transactions: windowEntries(height, window.lastAt(height - 1n), added) });
        window.add(height, added);
        window.advance(height);
        all.push(...added);
        const expected = all.filter((entry) => isInWindow(entry, height));
        assert.equal(tries.size('transactions'), expected.length);
        assert.ok(expected.every(({ replayKey }) => tries.has('transactions', replayKey)));
      }
      // A rebuild from the rows gives the same trie.
      const height = BigInt(blocks.length);
      const rebuilt = StateTries.empty().update({ transactions: windowEntries(height, [], all) });
      assert.equal(toHex(rebuilt.stateHash), toHex(tries.stateHash));
    }),
    { numRuns: 60 },
  );
});
