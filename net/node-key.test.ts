import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { seededRandom } from '../runtime/random.ts';
import { loadNodeKey } from './node-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'potoroo-net-'));
after(() => rmSync(folder, { recursive: true }));
const random = seededRandom(1n);

describe('the node key', () => {
  it('is made on first start, readable by its owner only, and stays', async () => {
    const file = join(folder, 'sub', 'node.key');
    const first = await loadNodeKey(file, random, 'p2p.key_file');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const again = await loadNodeKey(file, random, 'p2p.key_file');
    assert.ok(again.equals(first));
    assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/);
  });

  it('is refused when damaged or exposed, and never replaced', async () => {
    const file = join(folder, 'bad.key');
    writeFileSync(file, 'not a key', { mode: 0o600 });
    await assert.rejects(loadNodeKey(file, random, 'p2p.key_file'), { code: 'NODE_KEY_INVALID' });
    assert.equal(readFileSync(file, 'utf8'), 'not a key');
    chmodSync(file, 0o644);
    await assert.rejects(loadNodeKey(file, random, 'p2p.key_file'), { code: 'NODE_KEY_EXPOSED' });
    await assert.rejects(loadNodeKey(join(file, 'below'), random, 'p2p.key_file'), { code: 'NODE_KEY_UNREADABLE' });
  });
});
