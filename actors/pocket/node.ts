import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { homeLayout } from '../../config/home.ts';
import type { NodeConfig } from '../../config/schema.ts';
import type { ActorStatus, ChildSpec, Fault, GroupSpec } from '../../runtime/child-spec.ts';
import { systemClock } from '../../runtime/clock.ts';
import { CodedError, toErrorRecord } from '../../runtime/errors.ts';
import type { LogOptions } from '../../runtime/logging.ts';
import { systemRandom } from '../../runtime/random.ts';
import { Supervisor } from '../../runtime/supervision/supervisor.ts';
import { shareKernels } from '../../wasm/kernel.ts';
import type { SignerStart } from '../host/signer/config.ts';
import type { TelemetryConfig } from '../host/telemetry/config.ts';
import { genesisValidators, parseGenesis } from './chain/genesis.ts';
import type { Validator } from './chain/validators.ts';
import type { ConsensusStart } from './consensus/config.ts';
import type { P2pStart } from './p2p/config.ts';
import type { PersistenceStart } from './persistence/config.ts';
import { type EmbeddedDatabase, startEmbedded } from './persistence/io/embedded.ts';
import type { RpcStart } from './rpc/config.ts';
import type { UtilityStart } from './utility/config.ts';

/** This file's own extension: `.js` when compiled, `.ts` where Node runs the sources. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/** Time for an actor to start and to get ready: persistence waits for a database that is coming up. */
const START_TIMEOUT_ms = 120_000;

/** Time for an actor's graceful stop; Ctrl-C must end a node in seconds. */
const SHUTDOWN_ms = 2_500;

/** A group that serves people and not the chain tries again after this, ms: long enough for a port to be freed. */
const REST_ms = 30_000;

export interface NodeOptions {
  readonly config: NodeConfig;
  /** Absolute path of the node's home. */
  readonly home: string;
  /** Version of this software. */
  readonly version: string;
  readonly log: Logger;
}

/** A node that runs. */
export interface RunningNode {
  /** Settles when the node cannot go on, with the reason. */
  readonly failed: Promise<CodedError>;
  /** The database in use, for people with psql; without a password of an operator's own server. */
  readonly databaseUrl: string;
  /** In start order. */
  status(): ActorStatus[];
  /**
   * Has one actor die; the supervisor replaces it. Resolves when that is ordered, not when it is back.
   * @throws ACTOR_UNKNOWN, ACTOR_DOWN
   */
  kill(actor: string, by?: Fault): Promise<void>;
  /** Stops one actor in order and starts it anew, with its dependents; resolves when it serves. @throws ACTOR_UNKNOWN */
  restart(actor: string): Promise<void>;
  /** Stops the actors in reverse order, then the embedded database. */
  stop(): Promise<void>;
}

/**
 * Starts a Pocket node: the embedded database unless the operator has one, then the actors in order.
 * @throws the coded error of whatever could not start; nothing is left running
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, home, log, version } = options;
  shareKernels();
  const genesis = readGenesis(config.genesis_file);
  const parsed = parseGenesis(genesis);
  const { networkId } = parsed;
  const validators = genesisValidators(parsed).list;
  const embedded = config.database.url === '' ? await startEmbedded({ home, log }) : undefined;
  const databaseUrl = embedded?.url ?? config.database.url;
  const { crashes, deadLetters } = homeLayout(home);
  const supervisor = new Supervisor({
    groups: groups(options, { genesis, networkId, validators, databaseUrl }),
    clock: systemClock,
    random: systemRandom,
    log,
    logOptions: logOptions(config),
    software: `potoroo ${version}`,
    crashes,
    deadLetters,
  });
  try {
    await supervisor.start();
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
  return {
    failed: supervisor.failed,
    databaseUrl: withoutPassword(databaseUrl),
    status: () => supervisor.status(),
    kill: (actor, by) => supervisor.kill(actor, by),
    restart: (actor) => supervisor.restart(actor),
    stop: () => stopAll(supervisor, embedded),
  };
}

interface Derived {
  readonly genesis: string;
  readonly networkId: string;
  readonly validators: readonly Validator[];
  readonly databaseUrl: string;
}

/**
 * The actors in start order. Who holds state derived from another is its dependent. A node that votes does not end
 * because its API or its metrics cannot go on: these are groups of their own, which rest and try again.
 */
function groups(
  { config, home, version }: NodeOptions,
  { genesis, networkId, validators, databaseUrl }: Derived,
): GroupSpec[] {
  const { signer, p2p, consensus, utility, rpc, telemetry, supervision } = config;
  const database = { ...config.database, url: databaseUrl };
  const child = <Config>(folder: string, start: Config, dependents: string[] = []): ChildSpec =>
    childSpec(supervision, folder, start, dependents);
  const intensity = { restarts: supervision.max_restarts, period_ms: supervision.restart_period_ms };
  const rest = { action: 'rest', rest_ms: REST_ms } as const;
  const chain = [
    child<SignerStart>('host/signer', { signer, networkId, validators }),
    // The mempool is what the journal and the committed state imply: it is built anew with them.
    child<PersistenceStart>('pocket/persistence', { database, genesis, snapshots: homeLayout(home).snapshots }, [
      'utility',
    ]),
    child<P2pStart>('pocket/p2p', { p2p, genesis }),
    child<UtilityStart>('pocket/utility', { utility, genesis }),
    child<ConsensusStart>('pocket/consensus', { consensus, genesis, version }),
  ];
  const api = [child<RpcStart>('pocket/rpc', { rpc, database, version })];
  const observation = [child<TelemetryConfig>('host/telemetry', telemetry)];
  return [
    { name: 'chain', children: chain, intensity, exceeded: { action: 'escalate' } },
    { name: 'api', children: api, intensity, exceeded: rest },
    { name: 'observation', children: observation, intensity, exceeded: rest },
  ];
}

function childSpec(
  { stall_timeout_ms, max_heap_mb, max_external_mb }: NodeConfig['supervision'],
  folder: string,
  config: unknown,
  dependents: string[],
): ChildSpec {
  const name = folder.slice(folder.indexOf('/') + 1);
  const bundle = new URL(`../../threads/${name}.js`, import.meta.url);
  return {
    name,
    module: new URL(`../${folder}/index${EXTENSION}`, import.meta.url).href,
    // The sources have no bundles beside them, the build has.
    ...(EXTENSION === '.js' ? { bundle: bundle.href } : {}),
    config,
    restart: 'permanent',
    dependents,
    start_timeout_ms: START_TIMEOUT_ms,
    shutdown_ms: SHUTDOWN_ms,
    limits: { maxHeap_mb: max_heap_mb, maxExternal_mb: max_external_mb, stall_ms: stall_timeout_ms },
  };
}

async function stopAll(supervisor: Supervisor, embedded: EmbeddedDatabase | undefined): Promise<void> {
  try {
    await supervisor.stop();
  } finally {
    await embedded?.stop();
  }
}

function readGenesis(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CodedError('GENESIS_UNREADABLE', `the genesis file cannot be read: ${toErrorRecord(error).message}`, {
      file,
    });
  }
}

function logOptions({ log }: NodeConfig): LogOptions {
  return log.file === '' ? { level: log.level } : { level: log.level, file: log.file };
}

function withoutPassword(url: string): string {
  return url.replace(/^(postgres(?:ql)?:\/\/[^:@/]*):[^@/]*@/, '$1@');
}
