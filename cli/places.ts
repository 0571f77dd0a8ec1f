import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type HomeLayout, homeLayout } from '../config/home.ts';
import { type KeyInfo, type LoadedKey, listKeys, loadKey } from '../config/keystore.ts';
import { CodedError } from '../runtime/errors.ts';
import { localnetLayout, readStatus } from './localnet/files.ts';
import { passwordFromFile, promptPassword } from './password.ts';
import { usageError } from './terminal.ts';

const DEFAULT_NODE = 'http://127.0.0.1:50832';

export interface PlaceFlags {
  node?: string;
  dir?: string;
  keysDir?: string;
  passwordFile?: string;
}

/** Adds the options that say which node to talk to. */
export function withNode(command: Command): Command {
  return command
    .option('--node <url>', `RPC of a node (default: ${DEFAULT_NODE})`)
    .option('--dir <directory>', 'a local network: its first running node, and its accounts');
}

export interface HomeFlags {
  home?: string;
  node?: number;
  dir: string;
}

/** Adds the options that say which home of a node is meant. */
export function withHome(command: Command): Command {
  return command
    .option('--home <directory>', 'home of the node')
    .option('--node <number>', 'or: number of a node of a local network, from 1', nodeNumber)
    .option('--dir <directory>', 'where that network lives', 'localnet');
}

function nodeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.');
  return Number(text);
}

/** @throws USAGE, HOME_MISSING, LOCALNET_MISSING, NODE_NUMBER */
export function homeOf({ home, node, dir }: HomeFlags): HomeLayout {
  if ((home === undefined) === (node === undefined)) {
    throw usageError('say which node: --home <directory>, or --node <number> of the local network in --dir');
  }
  const layout = homeLayout(home ?? homeInNetwork(dir, node!));
  if (existsSync(layout.config)) return layout;
  throw new CodedError('HOME_MISSING', `${layout.home} has no config.json: give the home of a node`, {
    home: layout.home,
  });
}

function homeInNetwork(dir: string, number: number): string {
  const layout = localnetLayout(dir);
  const { validators } = readStatus(layout);
  if (number <= validators) return layout.home(number);
  throw new CodedError('NODE_NUMBER', `there is no node ${number}: give a number from 1 to ${validators}`);
}

/** Adds the option that says where keys are. */
export function withKeys(command: Command): Command {
  return command.option('--keys-dir <directory>', 'key directory (default: ~/.potoroo/keys)');
}

/** @throws LOCALNET_MISSING, LOCALNET_NOT_RUNNING */
export function nodeUrl({ node, dir }: PlaceFlags): string {
  if (node !== undefined) return node;
  if (dir === undefined) return DEFAULT_NODE;
  const running = readStatus(localnetLayout(dir)).nodes.find((one) => one.state === 'running');
  if (running !== undefined) return running.rpc_url;
  throw new CodedError('LOCALNET_NOT_RUNNING', `no node of the local network in ${dir} runs`, { directory: dir });
}

export function keysDirectory({ keysDir, dir }: PlaceFlags): string {
  if (keysDir !== undefined) return keysDir;
  return dir === undefined ? join(homedir(), '.potoroo', 'keys') : localnetLayout(dir).accounts;
}

/** A key by address, name, or path of its file. @throws KEY_UNKNOWN */
export async function findKey(wanted: string, flags: PlaceFlags): Promise<KeyInfo> {
  const directory = keysDirectory(flags);
  const { keys } = await listKeys(directory);
  const key = keys.find(({ address, name }) => address === wanted || name === wanted);
  if (key !== undefined) return key;
  throw new CodedError(
    'KEY_UNKNOWN',
    `${directory} has no key ${wanted}: see \`potoroo keys list\`, or give another --keys-dir`,
    { directory, wanted },
  );
}

/** Opens a key for signing; asks for the password if it has one and no file was named. */
export async function openKey(wanted: string, flags: PlaceFlags): Promise<LoadedKey> {
  const isPath = wanted.includes('/') && existsSync(wanted);
  const path = isPath ? wanted : (await findKey(wanted, flags)).path;
  const password = flags.passwordFile === undefined ? undefined : passwordFromFile(flags.passwordFile);
  try {
    return await loadKey(path, password);
  } catch (error) {
    const mayAsk =
      password === undefined && process.stdin.isTTY && (error as CodedError).code === 'KEY_PASSWORD_MISSING';
    if (!mayAsk) throw error;
    return loadKey(path, await promptPassword(`password of ${path}: `));
  }
}
