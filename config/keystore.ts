import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { addressOf } from '../actors/pocket/chain/address.ts';
import { toHex } from '../actors/pocket/chain/hex.ts';
import { CodedError, type ErrorRecord, hasCode, toErrorRecord } from '../runtime/errors.ts';
import { publicKeyOf } from '../wasm/ed25519.ts';
import { encodeKeyFile, type KeyFile, openSeed, type Protection, parseKeyFile } from './key-format.ts';

/** What a key file shows without a password. */
export interface KeyInfo {
  readonly path: string;
  /** The file name without its ending. */
  readonly name: string;
  /** 40 hex digits. */
  readonly address: string;
  /** 64 hex digits. */
  readonly publicKey: string;
  readonly encrypted: boolean;
}

/** A key that can sign. */
export interface LoadedKey extends KeyInfo {
  readonly seed: Uint8Array;
}

export interface KeyListing {
  /** In the order of their names. */
  readonly keys: readonly KeyInfo[];
  /** Files that end in .json and are no usable key files, with the reason. */
  readonly broken: readonly { readonly path: string; readonly error: ErrorRecord }[];
}

export type CreateKeyOptions = Protection & {
  /** Name of the file; the address if absent. */
  readonly name?: string;
  /** A seed to import; a new random one if absent. */
  readonly seed?: Uint8Array;
};

const ENDING = '.json';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** A key file has some 500 bytes; nothing that is larger is read into memory. */
const FILE_BYTES_MAX = 16 * 1024;

/**
 * Writes a key file of mode 0600 in the directory, which is made with mode 0700 where it is absent.
 * @throws CodedError KEY_EXISTS, KEY_NAME_INVALID, KEY_PASSWORD_MISSING, SEED_INVALID
 */
export async function createKey(directory: string, options: CreateKeyOptions): Promise<KeyInfo> {
  const seed = options.seed ?? Uint8Array.from(randomBytes(32));
  const publicKey = publicKeyOf(seed);
  const address = toHex(addressOf(publicKey));
  const name = options.name ?? address;
  if (!NAME.test(name)) {
    throw new CodedError('KEY_NAME_INVALID', 'A key name has 1 to 64 letters, digits, dots, dashes or underscores.', {
      name: name.slice(0, 80),
    });
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const twin = (await listKeys(directory)).keys.find((key) => key.address === address);
  if (twin !== undefined) {
    throw new CodedError('KEY_EXISTS', `${twin.path} already holds the key of address ${address}.`, { address });
  }
  const path = join(directory, name + ENDING);
  await writeNew(path, await encodeKeyFile(seed, options));
  return { path, name, address, publicKey: toHex(publicKey), encrypted: 'password' in options };
}

/** The keys of a directory; none where it does not exist. No password is needed. */
export async function listKeys(directory: string): Promise<KeyListing> {
  const keys: KeyInfo[] = [];
  const broken: { path: string; error: ErrorRecord }[] = [];
  for (const fileName of await fileNames(directory)) {
    const path = join(directory, fileName);
    try {
      keys.push(infoOf(await readKeyFile(path), path, fileName));
    } catch (error) {
      broken.push({ path, error: toErrorRecord(error) });
    }
  }
  return { keys, broken };
}

/** What one key file shows without a password. @throws CodedError KEY_FILE_MISSING, KEY_FILE_PERMISSIONS, KEY_FILE_INVALID */
export async function readKeyInfo(path: string): Promise<KeyInfo> {
  return infoOf(await readKeyFile(path), path, basename(path));
}

/**
 * Opens a key. The password is not looked at where the file is unencrypted.
 * @throws CodedError KEY_FILE_MISSING, KEY_FILE_PERMISSIONS, KEY_FILE_INVALID, KEY_PASSWORD_MISSING, KEY_PASSWORD_WRONG
 */
export async function loadKey(path: string, password?: string): Promise<LoadedKey> {
  const file = await readKeyFile(path);
  const seed = await openSeed(file, path, password);
  return { ...infoOf(file, path, basename(path)), seed };
}

function infoOf(file: KeyFile, path: string, fileName: string): KeyInfo {
  return {
    path,
    name: fileName.endsWith(ENDING) ? fileName.slice(0, -ENDING.length) : fileName,
    address: file.address,
    publicKey: file.publicKey,
    encrypted: 'encryptedSeed' in file,
  };
}

async function fileNames(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.name.endsWith(ENDING) && !entry.isDirectory() ? [entry.name] : [])).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** The file is opened once, so that what is checked is what is read. */
async function readKeyFile(path: string): Promise<KeyFile> {
  const handle = await openKeyFile(path);
  try {
    const { mode, size } = await handle.stat();
    // Windows has no such modes; Node reports 0666 for every file there.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new CodedError('KEY_FILE_PERMISSIONS', `${path} is open to other users: chmod 600 it.`, {
        path,
        mode: (mode & 0o777).toString(8),
      });
    }
    const text = size > FILE_BYTES_MAX ? '' : await handle.readFile('utf8');
    return parseKeyFile(text, path);
  } finally {
    await handle.close();
  }
}

async function openKeyFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw new CodedError('KEY_FILE_MISSING', `There is no key file ${path}.`, { path });
    if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM')) {
      throw new CodedError('KEY_FILE_PERMISSIONS', `This user may not read ${path}: chown it to the node's user.`, {
        path,
      });
    }
    throw error;
  }
}

/** Durable before it returns: a key whose address has been told to others must not vanish with the power. */
async function writeNew(path: string, text: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx', 0o600);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw new CodedError('KEY_EXISTS', `${path} already exists: choose another name.`, { path });
  }
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await handle.close();
  }
  await syncDirectory(join(path, '..'));
}

async function syncDirectory(path: string): Promise<void> {
  // A directory cannot be opened on Windows, and need not be synced there.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
