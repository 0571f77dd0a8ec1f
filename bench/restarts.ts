/**
 * Measures how long an actor is away when it dies: from its death until it serves again, as its supervisor times it, for
 * every actor of the nodes of a running network.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findActor, untilServing } from '../cli/actor/serving.ts';
import { AdminClient } from '../cli/admin.ts';
import { percentile } from '../cli/localnet/report.ts';
import { FAULTS, type Fault } from '../runtime/child-spec.ts';
import type { LocalNetwork } from '../test/support/local-network.ts';
import { inWords, type Machine, machine, RESULTS, today, withNetwork, writeResult } from './measure.ts';

/** Code is compiled and the mesh is complete. */
const WARM_UP_ms = 10_000;
/** The longest of all: a state trie that is built anew. */
const LIMIT_ms = 120_000;
/** The others have taken note of the new life. */
const PAUSE_ms = 1_000;

const { values: flags } = parseArgs({
  options: {
    /** Deaths of every actor. */
    count: { type: 'string', default: '20' },
    load: { type: 'string', default: '20' },
    validators: { type: 'string', default: '4' },
    /** Ways to die, in turn, by commas. */
    by: { type: 'string', default: 'throw' },
    out: { type: 'string', default: RESULTS },
  },
});

interface Death {
  readonly actor: string;
  readonly node: number;
  readonly by: Fault;
  readonly recovery_ms: number;
}

function isFault(way: string): way is Fault {
  return (FAULTS as readonly string[]).includes(way);
}

const ways = flags.by.split(',').filter(isFault);
if (ways.length < flags.by.split(',').length) throw new Error(`--by takes ${FAULTS.join(', ')}; not ${flags.by}`);

/** Has one actor of one node die; resolves when the whole node is back. */
async function die(network: LocalNetwork, actor: string, node: number, by: Fault): Promise<Death> {
  const admin = new AdminClient(network.node(node).home);
  const { incarnation: after } = findActor(await admin.status(), actor);
  await admin.kill(actor, by);
  const { recovery_ms } = await untilServing(admin, actor, { after, limit_ms: LIMIT_ms });
  if (recovery_ms === null) throw new Error(`the supervisor of node ${node} does not know how long ${actor} was away`);
  await network.until('all actors serve', async () =>
    (await admin.status()).every(({ up }) => up) ? true : undefined,
  );
  await sleep(PAUSE_ms);
  return { actor, node, by, recovery_ms };
}

async function measure(network: LocalNetwork): Promise<Death[]> {
  const nodes = await network.allRunning();
  await sleep(WARM_UP_ms);
  const actors = (await new AdminClient(nodes[0]!.home).status()).map(({ name }) => name);
  const deaths: Death[] = [];
  // In turn over actors and nodes: no actor dies again while its supervisor still counts the death before.
  for (let round = 0; round < Number(flags.count); round++) {
    for (const [index, actor] of actors.entries()) {
      const { number } = nodes[(round + index) % nodes.length]!;
      const death = await die(network, actor, number, ways[round % ways.length]!);
      deaths.push(death);
      process.stderr.write(`${actor} of node ${number} by ${death.by}: ${Math.round(death.recovery_ms)} ms\n`);
    }
  }
  return deaths;
}

interface Row {
  readonly actor: string;
  readonly n: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

function rowsOf(deaths: readonly Death[]): Row[] {
  return [...new Set(deaths.map(({ actor }) => actor))].map((actor) => {
    const times = deaths.filter((death) => death.actor === actor).map((death) => Math.round(death.recovery_ms));
    const [p50_ms, p99_ms] = [percentile(times, 50), percentile(times, 99)];
    return { actor, n: times.length, p50_ms, p99_ms, max_ms: Math.max(...times) };
  });
}

interface Result {
  readonly date: string;
  readonly machine: Machine;
  readonly command: string;
  readonly height: number;
  readonly actors: readonly Row[];
  readonly deaths: readonly Death[];
}

function markdown({ date, machine, command, height, actors, deaths }: Result): string {
  const ways = [...new Set(deaths.map(({ by }) => by))].join(', ');
  const rows = actors.map(
    ({ actor, n, p50_ms, p99_ms, max_ms }) => `| ${actor} | ${n} | ${p50_ms} | ${p99_ms} | ${max_ms} |`,
  );
  return `# Restarts, ${date}

\`${command}\` on ${inWords(machine)}. All nodes, their databases and the load driver share this machine.

Time from the death of an actor until it serves again, as its supervisor measures it; ways to die: ${ways}. One actor
dies at a time, on each node in turn; the chain was at height ${height} in the end. With persistence, its dependent
utility is replaced. Percentiles by nearest rank: below 100 deaths p99 is the longest.

| actor | deaths | p50 ms | p99 ms | max ms |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const parameters = ['--validators', flags.validators, '--load', flags.load];
await withNetwork(parameters, async (network) => {
  const deaths = await measure(network);
  const height = await network.height(1);
  const command = `potoroo localnet ${parameters.join(' ')}`;
  const result = { date: today(), machine: machine(), command, height, actors: rowsOf(deaths), deaths };
  writeResult(flags.out, `restarts-${result.date}`, result, markdown(result));
});
