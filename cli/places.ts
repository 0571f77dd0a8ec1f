import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type KeyInfo, type LoadedKey, listKeys, loadKey } from '../config/keystore.ts';
import { CodedError } from '../runtime/errors.ts';
import { localnetLayout, readStatus } from './localnet/files.ts';
import { passwordFromFile, promptPassword } from './password.ts';

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
