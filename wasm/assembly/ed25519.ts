/**
 * Verification of Ed25519 signatures under ZIP-215, by pointer. The host writes up to ITEMS_MAX signatures and keys,
 * lets their messages be hashed (or writes the challenges itself), prepares all of them, and then asks for
 * single ones or for several together, as often as it likes. All memory is laid out when the module is compiled.
 */
import { decompressNegated } from './ed25519/decompress';
import { challenge, key, signature } from './ed25519/items';
import { FACTORS } from './ed25519/signers';
import { setBase } from './ed25519/straus';
import * as sha512 from './sha512';

export { CHALLENGES, COEFFICIENTS, ITEMS_MAX, KEYS, SIGNATURES, WELL_FORMED } from './ed25519/items';
/** Where the host writes four odd numbers (u64) that nobody else knows, once. */
export { FACTORS } from './ed25519/signers';
export { prepare, verifyOne, verifyTogether } from './ed25519/verify';

/** Where the host writes messages, one after the other. */
export const MESSAGES_BYTES: usize = 1048576;
export const MESSAGES: usize = memory.data(1048576, 16);
/** Where they begin, u32 each, and where the last one ends. */
export const OFFSETS: usize = memory.data(16388, 16);
/** Where the host writes the numbers of items that it asks for together, u32 each. */
export const SELECTED: usize = memory.data(16384, 16);

/** Writes the challenges of `count` items from `first` on, whose messages stand in MESSAGES. */
export function hashMessages(first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const from = load<u32>(OFFSETS + ((<usize>i) << 2));
    const to = load<u32>(OFFSETS + ((<usize>i) << 2), 4);
    sha512.begin();
    sha512.update(signature(first + i), 32);
    sha512.update(key(first + i), 32);
    sha512.update(MESSAGES + from, to - from);
    sha512.end(challenge(first + i));
  }
}

/** The base point: y = 4/5. Its encoding with the sign set is that of its opposite, and decompression negates. */
function setBasePoint(): void {
  const encoding: usize = memory.data(32, 16);
  const cached: usize = memory.data(160, 16);
  const pointers: usize = memory.data(16, 16);
  memory.fill(encoding, 0x66, 32);
  store<u8>(encoding, 0x58);
  store<u8>(encoding, 0xe6, 31);
  store<u32>(pointers, <u32>encoding);
  store<u32>(pointers, <u32>cached, 4);
  decompressNegated(pointers, pointers + 4, 1);
  setBase(cached);
}

setBasePoint();
for (let i: usize = 0; i < 32; i += 8) store<u64>(FACTORS + i, 0x9e3779b97f4a7c15);
