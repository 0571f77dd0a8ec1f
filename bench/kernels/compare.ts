import { mitata } from './peers.ts';

/** One way to do some work. */
export interface Candidate {
  readonly name: string;
  /** How often one call does the work. */
  readonly operations: number;
  work(): unknown;
}

/** Time of one operation of a candidate, ns. */
export interface Timing {
  readonly name: string;
  readonly median_ns: number;
  readonly best_ns: number;
}

/** Every candidate has its turn in every round, so that what else the machine does hits all of them alike. */
const ROUNDS = 7;
/** Of one candidate in one round: long enough for TurboFan to have its say, short enough for ten minutes in all. */
const SLICE_ns = 60e6;

/** Measures candidates side by side. Medians over the rounds, of mitata's medians within a round. */
export async function compare(candidates: readonly Candidate[]): Promise<Timing[]> {
  const { measure } = await mitata();
  const rounds: number[][] = candidates.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < candidates.length; turn++) {
      const index = (round + turn) % candidates.length;
      const { work, operations } = candidates[index]!;
      const { p50 } = await measure(work, { min_cpu_time: SLICE_ns, min_samples: 3, warmup_samples: 1 });
      rounds[index]!.push(p50 / operations);
    }
  }
  return candidates.map(({ name }, index) => timing(name, rounds[index]!));
}

/** Measures long work side by side, without mitata: in turn, once per run, after a run that is not counted. */
export function timeRuns(candidates: readonly Candidate[], runs: number): Timing[] {
  const each_ns: number[][] = candidates.map(() => []);
  for (let run = 0; run <= runs; run++) {
    for (const [index, { work, operations }] of candidates.entries()) {
      const began_ns = process.hrtime.bigint();
      work();
      const one_ns = Number(process.hrtime.bigint() - began_ns) / operations;
      if (run > 0) each_ns[index]!.push(one_ns);
    }
  }
  return candidates.map(({ name }, index) => timing(name, each_ns[index]!));
}

function timing(name: string, each_ns: readonly number[]): Timing {
  const sorted = [...each_ns].sort((a, b) => a - b);
  return { name, median_ns: sorted[Math.floor(sorted.length / 2)]!, best_ns: sorted[0]! };
}
