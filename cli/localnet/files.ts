import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CodedError, hasCode, toErrorRecord } from '../../runtime/errors.ts';
import { writeWhole } from '../../runtime/whole-file.ts';

/** Where things lie in the directory of a local network. */
export interface LocalnetLayout {
  readonly directory: string;
  /** What other programs read: processes, homes, URLs. */
  readonly status: string;
  readonly lock: string;
  /** Keys of the funded accounts, one file each. */
  readonly accounts: string;
  /** Seed of the accounts that generate load. */
  readonly loadSeed: string;
  /** Exists while the network is being made: what is there is half of one. */
  readonly unfinished: string;
  home(number: number): string;
}

export function localnetLayout(given: string): LocalnetLayout {
  const directory = resolve(given);
  return {
    directory,
    status: join(directory, 'localnet.json'),
    lock: join(directory, 'localnet.lock'),
    accounts: join(directory, 'accounts'),
    loadSeed: join(directory, 'load-seed'),
    unfinished: join(directory, '.unfinished'),
    home: (number) => join(directory, `node-${number}`),
  };
}

const port = z.int().min(1).max(65_535);
const nodeSchema = z.strictObject({
  /** Counts from 1. */
  number: z.int().min(1),
  address: z.string(),
  home: z.string(),
  /** `stopped`: by the user; `down`: it died and is started again soon. */
  state: z.enum(['starting', 'running', 'down', 'stopped']),
  /** Null while it does not run. */
  pid: z.int().nullable(),
  rpc_url: z.string(),
  metrics_url: z.string(),
  p2p_address: z.string(),
  ports: z.strictObject({ rpc: port, metrics: port, p2p: port }),
  /** For psql, without a password; null until the node has run. */
  psql_url: z.string().nullable(),
  log: z.string(),
});
export type NodeStatus = z.infer<typeof nodeSchema>;

const statusSchema = z.strictObject({
  version: z.literal(1),
  network_id: z.string(),
  validators: z.int().min(1),
  /** The operator's database server, or empty for embedded ones. */
  database_url: z.string(),
  /** The process that runs the network; null while none does. */
  pid: z.int().nullable(),
  /** Unix socket that `localnet node` talks to; null while nothing runs. */
  control: z.string().nullable(),
  nodes: z.array(nodeSchema),
});
/** Content of localnet.json. */
export type LocalnetStatus = z.infer<typeof statusSchema>;

/** @throws LOCALNET_MISSING, LOCALNET_UNREADABLE */
export function readStatus(layout: LocalnetLayout): LocalnetStatus {
  try {
    return statusSchema.parse(JSON.parse(readFileSync(layout.status, 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      throw new CodedError(
        'LOCALNET_MISSING',
        `${layout.directory} holds no local network: \`potoroo localnet --dir\` makes one`,
        { directory: layout.directory },
      );
    }
    throw new CodedError(
      'LOCALNET_UNREADABLE',
      `${layout.status} is damaged (${toErrorRecord(error).message}): delete ${layout.directory} for a new network`,
      { file: layout.status },
    );
  }
}

/** Owner only: the database URL may hold a password. */
export function writeStatus(layout: LocalnetLayout, status: LocalnetStatus): void {
  writeWhole(layout.status, `${JSON.stringify(status, null, 2)}\n`, 0o600);
}
