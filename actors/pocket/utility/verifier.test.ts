import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { systemClock } from '../../../runtime/clock.ts';
import { type Prepared, prepare } from './core/prepared.ts';
import { utilityMetrics } from './metrics.ts';
import { send, testKey } from './test-support/fixtures.ts';
import { Verifier } from './verifier.ts';

/** Thirty payments, the eighth with a signature that does not fit. */
function payments(): Prepared[] {
  const [from, to] = [testKey(1), testKey(2)];
  const prepared = Array.from({ length: 30 }, (_, i) => prepare(send(from, to.address, 5n, `n${i}`)));
  return prepared.with(7, { ...prepared[7]!, signed: prepared[6]!.signed });
}

for (const threads of [0, 2]) {
  test(`verdicts are the same with ${threads} threads of help, and each is made once`, async () => {
    const registry = new Registry();
    const verifier = new Verifier(systemClock, utilityMetrics(registry), threads);
    const prepared = payments();
    await verifier.ahead(prepared);
    const counted = await registry.getSingleMetric('potoroo_utility_signatures_total')!.get();
    const made = counted.values
      .filter(({ labels }) => labels.result !== 'known')
      .reduce((sum, { value }) => sum + value, 0);
    assert.equal(made, 30, 'verified ahead');

    const verdicts: boolean[] = [];
    await verifier.each(prepared, (one) => verdicts.push(verifier.isValid(one)));
    assert.deepEqual(
      verdicts,
      prepared.map((_, i) => i !== 7),
    );
    await verifier.stop();
  });
}
