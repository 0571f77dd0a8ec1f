import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { HostedValidator } from './hosted.ts';
import { keysOf } from './keys.ts';

const home = mkdtempSync(join(tmpdir(), 'potoroo-consensus-'));
after(() => rmSync(home, { recursive: true }));

test('the actor runs a chain with the real signer, and goes on when either of them is killed', async () => {
  const { validators, seeds } = keysOf(1);
  const [seed] = seeds.values();
  const validator = await HostedValidator.start(home, validators, seed!);
  const { disk, host } = validator;
  const committed = () => disk.committed.length;

  await host.advance(10_500);
  assert.ok(committed() >= 9, `${committed()} blocks`);
  for (const name of ['signer', 'consensus', 'utility', 'persistence']) {
    const before = committed();
    await host.kill(name);
    await host.advance(700);
    await host.restart(name);
    await host.advance(6_000);
    assert.ok(committed() >= before + 3, `${committed() - before} blocks after ${name} was killed`);
  }

  const { height } = await validator.answer(validator.consensus.ask('state', {}));
  assert.equal(height, BigInt(committed()) + 1n);
  const refused = await validator.answer(validator.consensus.ask('trigger', {})).catch((error: unknown) => error);
  assert.ok(hasCode(refused, 'NOT_MANUAL'));
  await host.stop();
});
