import './promise-with-resolvers.ts';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { CodedError, hasCode } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';

const SEED = /^[0-9a-f]{64}\n?$/;

/**
 * The key that the peer id comes from: an ed25519 seed in hex. Made on the first start.
 * @param key of the configuration that names the file, for messages
 * @throws NODE_KEY_INVALID, NODE_KEY_EXPOSED, NODE_KEY_UNREADABLE
 */
export async function loadNodeKey(file: string, random: Random, key: string): Promise<PrivateKey> {
  try {
    return await keyOf(file, await readSeed(file));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw unreadable(file, key, error);
  }
  try {
    await createSeed(file, random);
    return await keyOf(file, await readSeed(file));
  } catch (error) {
    throw unreadable(file, key, error);
  }
}

async function readSeed(file: string): Promise<string> {
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new CodedError('NODE_KEY_EXPOSED', `${file} can be read by other users: chmod 600 it`, { file });
  }
  return readFile(file, 'utf8');
}

function keyOf(file: string, text: string): Promise<PrivateKey> {
  if (!SEED.test(text)) {
    throw new CodedError('NODE_KEY_INVALID', `${file} is not a node key: restore it, or delete it for a new peer id`, {
      file,
    });
  }
  return generateKeyPairFromSeed('Ed25519', Buffer.from(text.trim(), 'hex'));
}

/** Written beside and renamed, so that a crash leaves no half of a key. */
async function createSeed(file: string, random: Random): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  const handle = await open(fresh, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY, 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(`${Buffer.from(random.bytes(32)).toString('hex')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
}

function unreadable(file: string, key: string, error: unknown): Error {
  if (error instanceof CodedError) return error;
  return new CodedError(
    'NODE_KEY_UNREADABLE',
    `cannot read or create ${file} (${key}): ${(error as Error).message}`,
    { file },
    { cause: error },
  );
}
