import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { NodeConfig } from '../../config/schema.ts';
import { systemClock } from '../../runtime/clock.ts';
import { CodedError, toErrorRecord } from '../../runtime/errors.ts';
import type { LogOptions } from '../../runtime/logging.ts';
import { systemRandom } from '../../runtime/random.ts';
import { type ChildSpec, type ChildStatus, Supervisor } from '../../runtime/supervisor.ts';
import type { SignerStart } from '../host/signer/config.ts';
import type { TelemetryConfig } from '../host/telemetry/config.ts';
import { parseGenesis } from './chain/genesis.ts';
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

/** Ordinary heaps are tens of MB; a leak should end one actor and not the machine. */
const MAX_HEAP_mb = 1_024;

/** An actor may fail this often; more often it is not going to recover, and an operator must know. */
const INTENSITY = { restarts: 10, period_ms: 60_000 };

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
  status(): ChildStatus[];
  /** Ends one actor's thread at once; the supervisor replaces it. */
  kill(actor: string): Promise<void>;
  /** Stops the actors in reverse order, then the embedded database. */
  stop(): Promise<void>;
}

/**
 * Starts a Pocket node: the embedded database unless the operator has one, then the actors in order.
 * @throws the coded error of whatever could not start; nothing is left running
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, home, log } = options;
  const genesis = readGenesis(config.genesis_file);
  const { networkId, validators } = parseGenesis(genesis);
  const embedded = config.database.url === '' ? await startEmbedded({ home, log }) : undefined;
  const databaseUrl = embedded?.url ?? config.database.url;
  const supervisor = new Supervisor({
    children: children(options, { genesis, networkId, validators, databaseUrl }),
    clock: systemClock,
    random: systemRandom,
    log,
    logOptions: logOptions(config),
    intensity: INTENSITY,
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
    kill: (actor) => supervisor.kill(actor),
    stop: () => stopAll(supervisor, embedded),
  };
}

interface Derived {
  readonly genesis: string;
  readonly networkId: string;
  readonly validators: readonly Validator[];
  readonly databaseUrl: string;
}

/** The actors in start order. Who holds state derived from another is its dependent. */
function children(
  { config, version }: NodeOptions,
  { genesis, networkId, validators, databaseUrl }: Derived,
): ChildSpec[] {
  const { signer, p2p, consensus, utility, rpc, telemetry } = config;
  const database = { ...config.database, url: databaseUrl };
  return [
    child<SignerStart>('host/signer', { signer, networkId, validators }),
    // The mempool is what the journal and the committed state imply: it is built anew with them.
    child<PersistenceStart>('pocket/persistence', { database, genesis }, ['utility']),
    child<P2pStart>('pocket/p2p', { p2p, genesis }),
    child<UtilityStart>('pocket/utility', { utility, genesis }),
    child<ConsensusStart>('pocket/consensus', { consensus, genesis }),
    child<RpcStart>('pocket/rpc', { rpc, database, version }),
    child<TelemetryConfig>('host/telemetry', telemetry),
  ];
}

function child<Config>(folder: string, config: Config, dependents: string[] = []): ChildSpec {
  return {
    name: folder.slice(folder.indexOf('/') + 1),
    module: new URL(`../${folder}/index${EXTENSION}`, import.meta.url).href,
    config,
    dependents,
    start_timeout_ms: START_TIMEOUT_ms,
    shutdown_ms: SHUTDOWN_ms,
    maxHeap_mb: MAX_HEAP_mb,
  };
}

async function stopAll(supervisor: Supervisor, embedded: EmbeddedDatabase | undefined): Promise<void> {
  await supervisor.stop();
  await embedded?.stop();
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
