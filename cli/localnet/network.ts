import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import { genesisJson, parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { createHome, homeLayout, writeConfig } from '../../config/home.ts';
import { encodeKeyFile } from '../../config/key-format.ts';
import { createKey } from '../../config/keystore.ts';
import type { NodeConfigInput } from '../../config/schema.ts';
import { CodedError, toErrorRecord } from '../../runtime/errors.ts';
import { publicKeyOf } from '../../wasm/ed25519.ts';
import { loadAccounts } from '../load/accounts.ts';
import { type LocalnetLayout, type LocalnetStatus, type NodeStatus, readStatus, writeStatus } from './files.ts';
import { choosePorts, type NodePorts } from './ports.ts';

/** A balance that no test empties: 100 million POKT. */
const BALANCE_uPOKT = 100_000_000_000_000n;
/** The smallest stake of a validator by the default parameters. */
const STAKE_uPOKT = 15_000_000_000n;
/**
 * Where a local network differs from the defaults. Its nodes are killed and stopped for whole minutes, by chaos, by tests and by
 * people: who is away is no offender here. And who tries out leaving does not wait for a week of blocks.
 */
const PARAMS = { validator_maximum_missed_blocks: '1000', validator_unstaking_blocks: '20' } as const;
/** Funded accounts for people to send from. */
const PLAY_ACCOUNTS = 4;

export interface NetworkOptions {
  /** Undefined: as many as there are, 4 for a new network. */
  readonly validators: number | undefined;
  /** Undefined: as it was; embedded servers for a new network. */
  readonly databaseUrl: string | undefined;
  /** File of genesis entries for a new network, over those that a local network has. */
  readonly genesis?: string | undefined;
}

/**
 * Opens the local network of a directory, made on first use, with ports that are free now.
 * @throws LOCALNET_MISMATCH, LOCALNET_UNREADABLE, PORTS_EXHAUSTED
 */
export async function prepareNetwork(layout: LocalnetLayout, options: NetworkOptions): Promise<LocalnetStatus> {
  const made = existsSync(layout.status) ? existing(layout, options) : await create(layout, options);
  const ports = await choosePorts(
    made.validators,
    made.nodes.map((node) => node.ports),
  );
  const status: LocalnetStatus = { ...made, pid: null, control: null, nodes: made.nodes.map(atRest(ports)) };
  for (const node of status.nodes) writeConfig(homeLayout(node.home), nodeConfig(status, node.number, ports));
  writeStatus(layout, status);
  return status;
}

function existing(layout: LocalnetLayout, options: NetworkOptions): LocalnetStatus {
  const status = readStatus(layout);
  const { validators, databaseUrl, genesis } = options;
  const differs = (option: string, is: unknown): CodedError =>
    new CodedError(
      'LOCALNET_MISMATCH',
      `the network in ${layout.directory} was made with ${option} ${is || '""'}: leave the option out, or give another --dir`,
      { option, is },
    );
  if (validators !== undefined && validators !== status.validators) throw differs('--validators', status.validators);
  if (databaseUrl !== undefined && databaseUrl !== status.database_url) {
    throw differs('--database-url', status.database_url.replace(/:[^:@/]*@/, ':…@'));
  }
  if (genesis !== undefined) throw differs('a genesis of its own, not with --genesis', genesis);
  // The directory may have been moved.
  const nodes = status.nodes.map((node) => ({ ...node, ...placeOf(layout, node.number) }));
  return { ...status, nodes };
}

function placeOf(layout: LocalnetLayout, number: number): Pick<NodeStatus, 'home' | 'log'> {
  const home = layout.home(number);
  return { home, log: join(home, 'logs', 'node.log') };
}

function atRest(ports: readonly NodePorts[]) {
  return (node: NodeStatus): NodeStatus => {
    const { rpc, metrics, p2p } = ports[node.number - 1]!;
    return {
      ...node,
      state: 'stopped',
      pid: null,
      ports: { rpc, metrics, p2p },
      rpc_url: `http://127.0.0.1:${rpc}`,
      metrics_url: `http://127.0.0.1:${metrics}`,
      p2p_address: `/ip4/127.0.0.1/tcp/${p2p}`,
    };
  };
}

async function create(layout: LocalnetLayout, options: NetworkOptions): Promise<LocalnetStatus> {
  const validators = options.validators ?? 4;
  const entries = options.genesis === undefined ? {} : readEntries(options.genesis);
  removeUnfinished(layout);
  mkdirSync(layout.directory, { recursive: true });
  writeFileSync(layout.unfinished, '');
  const ports = await choosePorts(validators, []);
  const keys = Array.from({ length: validators }, newKey);
  // A random id keeps two local networks on one machine apart: nodes refuse peers of another network.
  const networkId = `localnet-${randomBytes(4).toString('hex')}`;
  const status: LocalnetStatus = {
    version: 1,
    network_id: networkId,
    validators,
    database_url: options.databaseUrl ?? '',
    pid: null,
    control: null,
    nodes: keys.map((key, index): NodeStatus => {
      const node = { number: index + 1, address: key.address, state: 'stopped' as const, pid: null, psql_url: null };
      const blank = { rpc_url: '', metrics_url: '', p2p_address: '', ports: ports[index]! };
      return { ...node, ...blank, ...placeOf(layout, index + 1) };
    }),
  };
  const genesis = await writeGenesis(layout, networkId, keys, ports, entries);
  for (const [index, key] of keys.entries()) {
    const config = nodeConfig(status, index + 1, ports);
    const validatorKey = await encodeKeyFile(key.seed, { unencrypted: true });
    createHome(layout.home(index + 1), { config, genesis, validatorKey });
  }
  writeStatus(layout, status);
  rmSync(layout.unfinished);
  return status;
}

/** @throws FILE_UNUSABLE, LOCALNET_GENESIS */
function readEntries(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CodedError('FILE_UNUSABLE', `${file}: ${toErrorRecord(error).message}`, { file });
  }
  const wrong = (reason: string): CodedError =>
    new CodedError('LOCALNET_GENESIS', `${file} ${reason}: write {"leader_election": "sortition"}, for example`, {
      file,
    });
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    throw wrong(`is no JSON (${toErrorRecord(error).message})`);
  }
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) throw wrong('is no JSON object');
  const own = ['chain_id', 'validators', 'accounts'].find((key) => Object.hasOwn(entries, key));
  if (own !== undefined) throw wrong(`has ${own}, which a local network chooses itself`);
  return entries as Record<string, unknown>;
}

/** What an earlier attempt that was cut off left behind: never a network that has run. */
function removeUnfinished(layout: LocalnetLayout): void {
  if (!existsSync(layout.unfinished)) return;
  for (const name of readdirSync(layout.directory)) {
    const path = join(layout.directory, name);
    if (/^node-\d+$/.test(name) || path === layout.accounts) rmSync(path, { recursive: true, force: true });
  }
}

interface Key {
  readonly seed: Uint8Array;
  /** Hex, as the address. */
  readonly publicKey: string;
  readonly address: string;
}

function newKey(): Key {
  const seed = Uint8Array.from(randomBytes(32));
  const publicKey = publicKeyOf(seed);
  return { seed, publicKey: toHex(publicKey), address: toHex(addressOf(publicKey)) };
}

async function writeGenesis(
  layout: LocalnetLayout,
  networkId: string,
  validators: readonly Key[],
  ports: readonly NodePorts[],
  entries: Readonly<Record<string, unknown>>,
): Promise<string> {
  const play = Array.from({ length: PLAY_ACCOUNTS }, newKey);
  for (const { seed } of play) await createKey(layout.accounts, { seed, unencrypted: true });
  const seed = randomBytes(32);
  writeFileSync(layout.loadSeed, `${seed.toString('hex')}\n`, { mode: 0o600 });
  const addresses = [...play.map((key) => key.address), ...loadAccounts(seed).map((one) => toHex(one.address))];
  const file = {
    genesis_time: new Date().toISOString(),
    chain_id: networkId,
    accounts: addresses.map((address) => ({ address, amount: BALANCE_uPOKT.toString() })),
    validators: validators.map((key, index) => ({
      address: key.address,
      public_key: key.publicKey,
      service_url: `127.0.0.1:${ports[index]!.p2p}`,
      staked_amount: STAKE_uPOKT.toString(),
      output: key.address,
    })),
    ...entries,
    params: { ...PARAMS, ...(entries.params as object | undefined) },
  };
  // Parsed and written again: checked, and with every default spelt out.
  return genesisJson(parseGenesis(JSON.stringify(file)));
}

/** Node `number` of the network: it listens on its ports and dials the others. */
function nodeConfig(status: LocalnetStatus, number: number, ports: readonly NodePorts[]): NodeConfigInput {
  const own = ports[number - 1]!;
  const address = ({ p2p }: NodePorts): string => `/ip4/127.0.0.1/tcp/${p2p}`;
  return {
    version: 1,
    database: {
      url: status.database_url,
      // On one server, each node needs a schema of its own; so do two networks.
      ...(status.database_url === '' ? {} : { schema: `${status.network_id.replace('-', '_')}_node_${number}` }),
    },
    p2p: { listen: [address(own)], peers: ports.filter((one) => one !== own).map(address) },
    rpc: { port: own.rpc },
    telemetry: { port: own.metrics },
  };
}
