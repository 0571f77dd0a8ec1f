/**
 * The observer: a process of its own that runs the validators besides the victim, on real threads and sockets, and writes
 * down every consensus message that reaches them. `observer.js <directory of the local network> <file of statements>`.
 * Tells its parent when they all run; ends when it is told to, or its parent is gone.
 */
import { readFileSync } from 'node:fs';
import { genesisValidators, parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { groups } from '../../actors/pocket/node.ts';
import { localnetLayout, readStatus } from '../../cli/localnet/files.ts';
import { homeLayout } from '../../config/home.ts';
import { loadConfig } from '../../config/load.ts';
import type { ChildSpec } from '../../runtime/child-spec.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createLog } from '../../runtime/logging.ts';
import { systemRandom } from '../../runtime/random.ts';
import { Supervisor } from '../../runtime/supervision/supervisor.ts';
import { shareKernels } from '../../wasm/kernel.ts';
import { STATEMENTS_FILE } from './recording-p2p.ts';

/** The first validator of the network is the victim, in a process of its own. */
const VICTIM = 1;

const [directory, statements] = process.argv.slice(2) as [string, string];
process.env[STATEMENTS_FILE] = statements;
shareKernels();
const entries = readStatus(localnetLayout(directory)).nodes.filter(({ number }) => number !== VICTIM);
const nodes = entries.map(({ home, log }) => createNode(home, log));
process.on('message', () => void end());
process.on('disconnect', () => void end());
await Promise.all(nodes.map((node) => node.start()));
for (const node of nodes) void node.failed.then((error) => fail(error));
process.send?.('ready');

/** A node as `startNode` makes it, with its own database server left out and the recording p2p put in. */
function createNode(home: string, logFile: string): Supervisor {
  const config = loadConfig(home);
  const genesis = readFileSync(config.genesis_file, 'utf8');
  const parsed = parseGenesis(genesis);
  const logOptions = { level: config.log.level, file: logFile };
  const log = createLog('main', logOptions);
  const derived = {
    genesis,
    networkId: parsed.networkId,
    validators: genesisValidators(parsed).list,
    databaseUrl: config.database.url,
  };
  return new Supervisor({
    groups: groups({ config, home, version: 'observer', log }, derived).map((group) => ({
      ...group,
      children: group.children.map(recording),
    })),
    clock: systemClock,
    random: systemRandom,
    log,
    logOptions,
    software: 'observer',
    crashes: homeLayout(home).crashes,
    deadLetters: homeLayout(home).deadLetters,
  });
}

function recording(child: ChildSpec): ChildSpec {
  if (child.name !== 'p2p') return child;
  const { bundle: _, ...unbundled } = child;
  return { ...unbundled, module: new URL('./recording-p2p.js', import.meta.url).href };
}

async function end(): Promise<never> {
  await Promise.all(nodes.map((node) => node.stop()));
  process.exit(0);
}

function fail(error: Error): never {
  process.stderr.write(`a validator of the observer cannot go on: ${error.stack}\n`);
  process.exit(1);
}
