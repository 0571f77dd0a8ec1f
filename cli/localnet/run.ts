import { mkdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { homeLayout } from '../../config/home.ts';
import { CodedError } from '../../runtime/errors.ts';
import { Load } from '../load/load.ts';
import { takeLock } from '../lock.ts';
import { StopSignals } from '../signals.ts';
import { EXIT_FAILED, EXIT_OK, printJson } from '../terminal.ts';
import { Chaos } from './chaos.ts';
import type { ChaosMode } from './chaos-plan.ts';
import { serveControl } from './control.ts';
import { type LocalnetLayout, localnetLayout } from './files.ts';
import { Localnet } from './localnet.ts';
import { prepareNetwork } from './network.ts';
import { brokenGuarantees, type ReportParts, reportOf } from './report.ts';
import { Screen } from './screen.ts';

export interface ChaosChoice {
  readonly mode: ChaosMode;
  readonly seed: number;
}

export interface LocalnetOptions {
  readonly directory: string;
  readonly validators: number | undefined;
  readonly databaseUrl: string | undefined;
  /** File of genesis entries for a new network. */
  readonly genesis?: string | undefined;
  /** End when every node has committed so many more blocks; undefined: run until interrupted. */
  readonly blocks: number | undefined;
  /** End after so many seconds of running. */
  readonly seconds?: number | undefined;
  readonly load: number | 'max' | undefined;
  /** Kill one thing after the other; the run ends when everything of the plan was hit, too. */
  readonly chaos?: ChaosChoice | undefined;
  readonly json: boolean;
  /** Script that runs a node: the command line itself. */
  readonly script: string;
}

/** How often the end of the run is looked for. */
const STEP_ms = 500;
/** Time for what was accepted to be committed once the blocks are there. */
const DRAIN_ms = 60_000;
/** Running nodes that commit nothing for this long never will. */
const STALL_ms = 120_000;
/** After Ctrl-C everything ends in five seconds; the nodes need four of them at worst. */
const HURRIED_CHECK_ms = 800;

/** Runs a local network until it is done or interrupted; resolves with the exit code. */
export async function runLocalnet(options: LocalnetOptions): Promise<number> {
  const layout = localnetLayout(options.directory);
  mkdirSync(layout.directory, { recursive: true });
  const release = takeLock(layout.lock, `the local network in ${layout.directory}`);
  const screen = new Screen(options.json ? process.stderr : process.stdout);
  const wish = interruptWish();
  const network = new Localnet(layout, await prepareNetwork(layout, options), {
    script: options.script,
    note: (text) => screen.print(text),
  });
  // Whatever happens to this process, no node is left behind.
  const lastResort = (): void => network.killNow();
  process.on('exit', lastResort);
  try {
    const control = await serveControl(layout, (order) => network.obey(order));
    network.opened(control.path);
    let code = EXIT_FAILED;
    try {
      code = await run(options, layout, network, screen, wish);
      return code;
    } finally {
      if (code !== EXIT_OK && options.chaos !== undefined) screen.print(repeatText(options.chaos, network));
      control.close();
      await network.stop();
    }
  } finally {
    wish.detach();
    process.off('exit', lastResort);
    release();
  }
}

function repeatText({ mode, seed }: ChaosChoice, network: Localnet): string {
  return `the same chaos again: --chaos ${mode} --seed ${seed} on ${network.status.validators} validators`;
}

interface Wish {
  readonly interrupted: Promise<'interrupted'>;
  readonly detach: () => void;
}

function interruptWish(): Wish {
  let stop!: (how: 'interrupted') => void;
  const interrupted = new Promise<'interrupted'>((resolve) => {
    stop = resolve;
  });
  // Exiting kills the nodes: see `lastResort`.
  const signals = new StopSignals({ stop: () => stop('interrupted'), force: () => process.exit(EXIT_FAILED) });
  return { interrupted, detach: signals.attach(['SIGINT', 'SIGTERM', 'SIGHUP']) };
}

async function run(
  options: LocalnetOptions,
  layout: LocalnetLayout,
  network: Localnet,
  screen: Screen,
  wish: Wish,
): Promise<number> {
  screen.print(`potoroo: starting ${network.status.validators} validators in ${layout.directory}`);
  if ((await Promise.race([network.start(), wish.interrupted])) === 'interrupted') return EXIT_OK;
  screen.introduce(layout, network.status);
  const from = Math.max(0, ...(await network.heights()).map((height) => height ?? 0));
  const load = options.load === undefined ? undefined : startLoad(options, layout, network);
  const stopScreen = screen.follow(network, load);
  if (options.chaos !== undefined) screen.print(`chaos: ${options.chaos.mode}, seed ${options.chaos.seed}`);
  const chaos = options.chaos && new Chaos(network, { ...options.chaos, print: (text) => screen.print(text) });
  const over = new AbortController();
  try {
    const work = runUntil(network, load, chaos, goalOf(options, from), over.signal);
    const failures = [load, chaos].flatMap((one) => (one ? [failure(one)] : []));
    const outcome = await Promise.race([work, wish.interrupted, ...failures]);
    chaos?.abort();
    await stopScreen();
    if (outcome === 'interrupted' && !options.json) return isEndless(options) ? EXIT_OK : interrupted(screen);
    return await conclude(options, network, { from, load, chaos, hurried: outcome === 'interrupted' }, screen);
  } finally {
    over.abort();
    chaos?.abort();
    await stopScreen();
    await load?.terminate();
  }
}

function isEndless({ blocks, seconds }: LocalnetOptions): boolean {
  return blocks === undefined && seconds === undefined;
}

function failure({ failed }: Load | Chaos): Promise<never> {
  return failed.then((error) => Promise.reject(error));
}

function interrupted(screen: Screen): number {
  screen.print('interrupted before the run was complete: nothing was checked');
  return EXIT_FAILED;
}

function startLoad(options: LocalnetOptions, layout: LocalnetLayout, network: Localnet): Load {
  const { status } = network;
  const genesis = parseGenesis(readFileSync(homeLayout(layout.home(1)).genesis, 'utf8'));
  return new Load({
    urls: status.nodes.map((node) => node.rpc_url),
    rate: options.load as number | 'max',
    seed: Buffer.from(readFileSync(layout.loadSeed, 'utf8').trim(), 'hex'),
    networkId: status.network_id,
    txWindowBlocks: genesis.txWindowBlocks,
    remember: !isEndless(options) || options.json,
  });
}

/** When a run is complete: whichever is given comes first; neither means never. */
interface Goal {
  readonly height: number;
  readonly until_ms: number;
}

function goalOf({ blocks, seconds }: LocalnetOptions, from: number): Goal {
  return {
    height: blocks === undefined ? Number.POSITIVE_INFINITY : from + blocks,
    until_ms: seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1_000,
  };
}

/** Waits for the goal, then for the accepted transactions, or until aborted. @throws CHAIN_STALLED */
async function runUntil(
  network: Localnet,
  load: Load | undefined,
  chaos: Chaos | undefined,
  goal: Goal,
  over: AbortSignal,
): Promise<void> {
  await untilGoal(network, chaos, goal, over);
  if (!over.aborted) await chaos?.finish();
  if (load === undefined) return;
  load.halt();
  const until = performance.now() + DRAIN_ms;
  while (!over.aborted && !load.settled && performance.now() < until) await sleep(STEP_ms);
}

/** Waits for the height or the time, and for chaos to have hit everything. @throws CHAIN_STALLED */
async function untilGoal(network: Localnet, chaos: Chaos | undefined, goal: Goal, over: AbortSignal): Promise<void> {
  let best = 0;
  let since = performance.now();
  while (!over.aborted) {
    const heights = await network.heights();
    const reached =
      performance.now() >= goal.until_ms || heights.every((height) => height !== null && height >= goal.height);
    if (reached && (chaos?.covered ?? true)) return;
    const top = Math.max(0, ...heights.map((height) => height ?? 0));
    if (top > best || !network.allRunning) {
      best = top;
      since = performance.now();
    } else if (performance.now() - since > STALL_ms) {
      throw new CodedError('CHAIN_STALLED', `no block after ${top} for ${STALL_ms / 1_000} s: see the nodes' logs`, {
        height: top,
      });
    }
    await sleep(STEP_ms);
  }
}

interface Run {
  readonly from: number;
  readonly load: Load | undefined;
  readonly chaos: Chaos | undefined;
  /** Interrupted: what cannot be checked at once is not checked. */
  readonly hurried: boolean;
}

/** Checks every guarantee on all nodes and reports. */
async function conclude(options: LocalnetOptions, network: Localnet, run: Run, screen: Screen): Promise<number> {
  screen.print('checking blocks, states and transactions on all nodes');
  const check = gather(network, run);
  const limit = sleep(HURRIED_CHECK_ms, 'late' as const, { ref: false });
  const parts = await (run.hurried ? Promise.race([check, limit]) : check);
  if (parts === 'late') {
    throw new CodedError('INTERRUPTED', 'interrupted: the chain is too long to be checked in the time that is left');
  }
  const report = reportOf(parts);
  const broken = brokenGuarantees(parts);
  if (run.load !== undefined && report.txs_submitted === 0) broken.push('no transaction of the load was accepted');
  if (run.hurried && !isEndless(options)) broken.push('the run was interrupted before it was complete');
  const refused = Object.entries(parts.load.refused).map(([reason, count]) => `${reason} ${count}`);
  if (refused.length > 0) screen.print(`refused transactions: ${refused.join(', ')}`);
  for (const reason of broken) screen.print(`GUARANTEE_BROKEN: ${reason}`);
  if (options.json) printJson(report);
  else screen.printReport(report);
  return broken.length === 0 ? EXIT_OK : EXIT_FAILED;
}

async function gather(network: Localnet, { from, load, chaos }: Run): Promise<ReportParts> {
  const { figures, accepted } = (await load?.finish()) ?? { figures: Load.NOTHING, accepted: [] };
  await Promise.all([network.look(), network.countRestarts()]);
  const verdict = await network.verify(from, accepted);
  return {
    validators: network.status.validators,
    verdict,
    load: figures,
    accepted: accepted.length,
    actorRestarts: network.actorRestarts,
    nodeRestarts: network.nodeRestarts,
    rss_mb: network.peakRss_mb,
    chaos: chaos?.figures,
  };
}
