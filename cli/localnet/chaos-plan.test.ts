import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  ACTOR_FAULTS,
  actText,
  CHAOS_ACTORS,
  CHAOS_MODES,
  type ChaosAct,
  type ChaosMode,
  chaosPlan,
  NODE_FAULTS,
} from './chaos-plan.ts';

/** As many as an hour of chaos does. */
const LENGTH = 500;

const seeds = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const sizes = fc.integer({ min: 1, max: 32 });
const modes = fc.constantFrom(...CHAOS_MODES);

function actsOf(mode: ChaosMode, nodes: number, seed: number): { covering: ChaosAct[]; all: ChaosAct[] } {
  const { coverage, acts } = chaosPlan(mode, nodes, seed);
  const all = Array.from({ length: LENGTH }, () => acts.next().value);
  return { covering: all.slice(0, coverage), all };
}

const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort();

describe('the plan of chaos', () => {
  it('is the same for the same seed, and another one for another', () => {
    fc.assert(
      fc.property(modes, sizes, seeds, (mode, nodes, seed) => {
        assert.deepEqual(actsOf(mode, nodes, seed), actsOf(mode, nodes, seed));
      }),
    );
    const plans = new Set(Array.from({ length: 50 }, (_, seed) => JSON.stringify(actsOf('all', 4, seed).covering)));
    assert.equal(plans.size, 50);
  });

  it('begins with every kind of actor, ten deaths of actors, and every fault', () => {
    fc.assert(
      fc.property(modes, sizes, seeds, (mode, nodes, seed) => {
        const { covering } = actsOf(mode, nodes, seed);
        const onActors = covering.filter((act) => act.kind === 'actor');
        const onNodes = covering.filter((act) => act.kind === 'node');
        if (mode === 'nodes') assert.equal(onActors.length, 0);
        else {
          assert.deepEqual(sorted(onActors.map(({ actor }) => actor)), sorted(CHAOS_ACTORS));
          assert.deepEqual(sorted(onActors.map(({ by }) => by)), sorted(ACTOR_FAULTS));
          assert.ok(onActors.length >= 10);
        }
        const expected = mode === 'actors' ? [] : sorted(NODE_FAULTS);
        assert.deepEqual(sorted(onNodes.map(({ by }) => by)), expected);
      }),
    );
  });

  it('hits only what there is, within bounds, and goes on in its mode', () => {
    fc.assert(
      fc.property(modes, sizes, seeds, (mode, nodes, seed) => {
        const { all } = actsOf(mode, nodes, seed);
        for (const act of all) {
          assert.ok(act.node >= 1 && act.node <= nodes && Number.isInteger(act.node));
          if (mode !== 'all') assert.equal(`${act.kind}s`, mode);
          if (act.by === 'SIGSTOP') assert.ok(act.for_ms >= 3_000 && act.for_ms <= 6_000);
        }
      }),
      { numRuns: 20 },
    );
    const { all } = actsOf('all', 4, 1);
    assert.deepEqual(sorted(all.map(({ node }) => String(node))), ['1', '2', '3', '4']);
    assert.deepEqual(sorted(all.slice(13).map(({ kind }) => kind)), ['actor', 'node']);
  });

  it('is told in words', () => {
    assert.equal(actText({ kind: 'actor', node: 2, actor: 'consensus', by: 'loop' }), 'node 2 consensus by loop');
    assert.equal(actText({ kind: 'node', node: 1, by: 'SIGKILL' }), 'node 1 by SIGKILL');
    assert.equal(actText({ kind: 'node', node: 1, by: 'SIGSTOP', for_ms: 4_210 }), 'node 1 by SIGSTOP for 4.2 s');
  });
});
