import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { z } from 'zod';
import { addressOf } from '../actors/pocket/chain/address.ts';
import { fromHex, toHex } from '../actors/pocket/chain/hex.ts';
import { CodedError } from '../runtime/errors.ts';
import { publicKeyOf } from '../wasm/ed25519.ts';

/** How a new key file protects its seed. Unencrypted is for networks that are thrown away. */
export type Protection = { readonly password: string } | { readonly unencrypted: true };

/** 128 MiB and about half a second per guess (OWASP's first choice for scrypt). Part of version 1: never read from a file. */
const SCRYPT: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const hexOf = (bytes: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));

const identity = {
  version: z.literal(1),
  address: hexOf(20),
  publicKey: hexOf(32),
};
const encryption = z.strictObject({
  kdf: z.literal('scrypt-17-8-1'),
  salt: hexOf(SALT_BYTES),
  cipher: z.literal('aes-256-gcm'),
  nonce: hexOf(NONCE_BYTES),
  tag: hexOf(TAG_BYTES),
  ciphertext: hexOf(KEY_BYTES),
});
const keyFileSchema = z.union([
  z.strictObject({ ...identity, encryptedSeed: encryption }),
  z.strictObject({ ...identity, seed: hexOf(KEY_BYTES) }),
]);

/** The content of a key file. Address and public key are in clear: listing keys needs no password. */
export type KeyFile = z.infer<typeof keyFileSchema>;

/** @throws CodedError KEY_FILE_INVALID */
export function parseKeyFile(text: string, path: string): KeyFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message would quote the file.
    throw invalid(path, 'it is not JSON');
  }
  const parsed = keyFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const version = (value as { version?: unknown } | null)?.version;
  throw invalid(path, version === 1 ? 'its fields are not those of a key file' : 'its version is not 1');
}

/**
 * The text of a key file for the seed.
 * @throws CodedError SEED_INVALID, KEY_PASSWORD_MISSING where the password is empty
 */
export async function encodeKeyFile(seed: Uint8Array, protection: Protection): Promise<string> {
  const publicKey = publicKeyOf(seed);
  const common = { version: 1 as const, address: toHex(addressOf(publicKey)), publicKey: toHex(publicKey) };
  const file: KeyFile =
    'password' in protection
      ? { ...common, encryptedSeed: await encrypt(seed, protection.password, common) }
      : { ...common, seed: toHex(seed) };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * The seed in the file, after a check that public key and address are really its own.
 * @throws CodedError KEY_PASSWORD_MISSING, KEY_PASSWORD_WRONG, KEY_FILE_INVALID
 */
export async function openSeed(file: KeyFile, path: string, password: string | undefined): Promise<Uint8Array> {
  const seed = 'seed' in file ? fromHex(file.seed) : await decrypt(file, path, password);
  const publicKey = publicKeyOf(seed);
  if (toHex(publicKey) !== file.publicKey || toHex(addressOf(publicKey)) !== file.address) {
    throw invalid(path, 'its public key or address is not that of its seed');
  }
  return seed;
}

type EncryptedSeed = z.infer<typeof encryption>;

async function encrypt(seed: Uint8Array, password: string, clear: ClearFields): Promise<EncryptedSeed> {
  if (password === '') {
    throw new CodedError(
      'KEY_PASSWORD_MISSING',
      'An empty password protects nothing: give one, or ask for no encryption.',
    );
  }
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(password, salt), nonce);
  cipher.setAAD(boundText(clear));
  const ciphertext = Buffer.concat([cipher.update(seed), cipher.final()]);
  return {
    kdf: 'scrypt-17-8-1',
    salt: toHex(salt),
    cipher: 'aes-256-gcm',
    nonce: toHex(nonce),
    tag: toHex(cipher.getAuthTag()),
    ciphertext: toHex(ciphertext),
  };
}

async function decrypt(
  file: Extract<KeyFile, { encryptedSeed: unknown }>,
  path: string,
  password: string | undefined,
): Promise<Uint8Array> {
  if (password === undefined) {
    throw new CodedError('KEY_PASSWORD_MISSING', `${path} is encrypted: give its password.`, { path });
  }
  const { salt, nonce, tag, ciphertext } = file.encryptedSeed;
  const key = await deriveKey(password, fromHex(salt));
  const decipher = createDecipheriv('aes-256-gcm', key, fromHex(nonce), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(fromHex(tag));
  decipher.setAAD(boundText(file));
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(fromHex(ciphertext)), decipher.final()]));
  } catch {
    const message = `The password does not open ${path}. If you are sure of it, the file is damaged: take a backup.`;
    throw new CodedError('KEY_PASSWORD_WRONG', message, { path });
  }
}

type ClearFields = Pick<KeyFile, 'version' | 'address' | 'publicKey'>;

/** What stands in clear, bound to the ciphertext so that nobody can put another address over a key. */
function boundText({ version, address, publicKey }: ClearFields): Buffer {
  return Buffer.from(`potoroo key ${version} ${address} ${publicKey}`);
}

/** The same characters typed on another system may be other code points; NFKC makes them one password. */
function deriveKey(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, SCRYPT, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function invalid(path: string, reason: string): CodedError {
  return new CodedError('KEY_FILE_INVALID', `${path} is not a usable key file: ${reason}. Restore it from a backup.`, {
    path,
  });
}
