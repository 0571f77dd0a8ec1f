import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CodedError } from '../runtime/errors.ts';
import { writeWhole } from '../runtime/whole-file.ts';
import type { NodeConfigInput } from './schema.ts';

/** Where things lie in the home of a node. All paths are absolute. */
export interface HomeLayout {
  readonly home: string;
  readonly config: string;
  readonly genesis: string;
  /** Directory of keys, 0700. */
  readonly keys: string;
  readonly validatorKey: string;
  readonly signer: string;
  readonly logs: string;
  /** Reports of actors that died, newest kept. */
  readonly crashes: string;
  /** Requests that killed an actor twice. */
  readonly deadLetters: string;
  /** Snapshots of the state, for nodes that are far behind. */
  readonly snapshots: string;
  /** What is true only while the node runs. */
  readonly run: string;
  /** Lock that one process at a time holds. */
  readonly lock: string;
  /** Process id and addresses of the running node, for people and tools. */
  readonly nodeFile: string;
  readonly rpcAddress: string;
  readonly metricsAddress: string;
  /** Unix socket of `potoroo actor`, 0600; the node file names another place where this path is too long for one. */
  readonly adminSocket: string;
}

export function homeLayout(directory: string): HomeLayout {
  const home = resolve(directory);
  const run = join(home, 'run');
  return {
    home,
    config: join(home, 'config.json'),
    genesis: join(home, 'genesis.json'),
    keys: join(home, 'keys'),
    validatorKey: join(home, 'keys', 'validator.json'),
    signer: join(home, 'signer'),
    logs: join(home, 'logs'),
    crashes: join(home, 'crashes'),
    deadLetters: join(home, 'dead-letters'),
    snapshots: join(home, 'snapshots'),
    run,
    lock: join(run, 'node.lock'),
    nodeFile: join(run, 'node.json'),
    rpcAddress: join(run, 'rpc.url'),
    metricsAddress: join(run, 'metrics.url'),
    adminSocket: join(run, 'admin.sock'),
  };
}

/**
 * Makes the home of a node. config.json comes last: a directory with one is a complete home.
 * @throws HOME_EXISTS
 */
export function createHome(
  directory: string,
  parts: { config: NodeConfigInput; genesis: string; validatorKey: string },
): HomeLayout {
  const layout = homeLayout(directory);
  if (existsSync(layout.config)) {
    throw new CodedError('HOME_EXISTS', `${layout.home} is already a node home: choose another directory`, {
      home: layout.home,
    });
  }
  // Not 0700: the embedded database may run as another user, which must be able to pass.
  mkdirSync(layout.home, { recursive: true });
  for (const secret of [layout.keys, layout.signer]) mkdirSync(secret, { recursive: true, mode: 0o700 });
  for (const open of [layout.logs, layout.run]) mkdirSync(open, { recursive: true });
  writeFileSync(layout.genesis, parts.genesis);
  writeSecret(layout.validatorKey, parts.validatorKey);
  writeConfig(layout, parts.config);
  return layout;
}

/** Replaces config.json; a reader sees the old or the new one. */
export function writeConfig(layout: HomeLayout, config: NodeConfigInput): void {
  writeWhole(layout.config, `${JSON.stringify(config, null, 2)}\n`);
}

function writeSecret(path: string, text: string): void {
  writeWhole(path, text, 0o600);
  // A umask can only take rights away, but an earlier file of the same name may have left more.
  chmodSync(path, 0o600);
}
