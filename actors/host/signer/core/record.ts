import { CodedError } from '../../../../runtime/errors.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import { equalBytes } from '../../../pocket/chain/hex.ts';
import type { Binding } from './binding.ts';
import { COMPLETE, type Guard } from './guard.ts';
import type { SafetyState, SignedMessage } from './rules.ts';

/**
 * A copy of the record on disk, big-endian:
 * magic 8, version u16, sequence u64, payload length u32, payload, SHA-256 of all before it.
 * Payload: address 20, network id (u16 length), height u64, round u32, step u8, count u8 and as many times
 * {type u8, step u8, digest 32, signature 64}, prepareQC and lockedQC (u32 length, all ones for none); since version 2
 * also machine 32 (zeros for none), inode u64, floor u64, fresh u8, stale u8 and, if 1, its height u64 and round u32.
 */
const MAGIC = new TextEncoder().encode('POTSIGNR');
const VERSION = 2;
/** Without binding and guard: read, never written. */
const UNBOUND_VERSION = 1;
/** What stands before the payload. */
export const PREFIX_BYTES = 22;
const CHECKSUM_BYTES = 32;
const ADDRESS_BYTES = 20;
const SIGNED_BYTES = 98;
const MAX_SIGNED = 10;
const MACHINE_BYTES = 32;
const NO_MACHINE = new Uint8Array(MACHINE_BYTES);
/** Machine, inode, floor, fresh, stale. */
const TAIL_BYTES = MACHINE_BYTES + 8 + 8 + 1 + 1;
const SIGHTING_BYTES = 12;
const NONE = 0xffffffff;

/** Room for one copy: two QCs of the largest validator set (1,000 signatures of about 115 bytes each). */
export const SLOT_BYTES = 262_144;

/** What the record is bound to. */
export interface RecordOwner {
  readonly address: Uint8Array;
  readonly networkId: string;
}

/** What of a record changes as the signer works. */
export interface RecordContent {
  readonly state: SafetyState;
  readonly guard: Guard;
}

export interface StoredRecord extends RecordContent {
  readonly sequence: bigint;
  readonly owner: RecordOwner;
  /** Where it lives; null in a record of version 1, which is bound when it is opened. */
  readonly binding: Binding | null;
}

/** @throws CodedError SIGNER_RECORD_TOO_LARGE */
export function encodeRecord(record: StoredRecord & { readonly binding: Binding }): Uint8Array {
  const { owner, state, binding, guard } = record;
  const network = new TextEncoder().encode(owner.networkId);
  const variable = network.length + (state.prepareQc?.length ?? 0) + (state.lockedQc?.length ?? 0);
  const tail = TAIL_BYTES + (guard.stale === null ? 0 : SIGHTING_BYTES);
  const payload = ADDRESS_BYTES + 2 + 8 + 4 + 1 + 1 + state.signed.length * SIGNED_BYTES + 8 + variable + tail;
  const size = PREFIX_BYTES + payload + CHECKSUM_BYTES;
  if (size > SLOT_BYTES) {
    throw new CodedError(
      'SIGNER_RECORD_TOO_LARGE',
      `The safety record would take ${size} bytes of ${SLOT_BYTES}; the validator set is larger than this version supports.`,
      { size, limit: SLOT_BYTES },
    );
  }
  const out = new Writer(size);
  out.bytes(MAGIC).u16(VERSION).u64(record.sequence).u32(payload);
  out.bytes(owner.address).u16(network.length).bytes(network);
  out.u64(state.height).u32(state.round).u8(state.step).u8(state.signed.length);
  for (const one of state.signed) out.u8(one.type).u8(one.step).bytes(one.digest).bytes(one.signature);
  out.optional(state.prepareQc).optional(state.lockedQc);
  out.bytes(binding.machine ?? NO_MACHINE).u64(binding.inode);
  out
    .u64(guard.floor)
    .u8(guard.fresh ? 1 : 0)
    .u8(guard.stale === null ? 0 : 1);
  if (guard.stale !== null) out.u64(guard.stale.height).u32(guard.stale.round);
  out.bytes(sha256(out.written()));
  return out.written();
}

/** The record in a slot, or null if the slot was never written, is torn, or is of another version. */
export function decodeRecord(slot: Uint8Array): StoredRecord | null {
  const input = new Reader(slot);
  if (slot.length < PREFIX_BYTES + CHECKSUM_BYTES || !equalBytes(input.bytes(MAGIC.length), MAGIC)) return null;
  const version = input.u16();
  if (version !== VERSION && version !== UNBOUND_VERSION) return null;
  const sequence = input.u64();
  const end = PREFIX_BYTES + input.u32();
  if (end + CHECKSUM_BYTES > slot.length) return null;
  if (!equalBytes(sha256(slot.subarray(0, end)), slot.subarray(end, end + CHECKSUM_BYTES))) return null;
  const address = input.bytes(ADDRESS_BYTES);
  const networkId = new TextDecoder().decode(input.bytes(input.u16()));
  const height = input.u64();
  const round = input.u32();
  const step = input.u8();
  const signed = readSigned(input);
  const state = { height, round, step, signed, prepareQc: input.optional(), lockedQc: input.optional() };
  const known = { sequence, owner: { address, networkId }, state };
  if (version === UNBOUND_VERSION) return { ...known, binding: null, guard: COMPLETE };
  return { ...known, binding: readBinding(input), guard: readGuard(input) };
}

function readBinding(input: Reader): Binding {
  const machine = input.bytes(MACHINE_BYTES);
  return { machine: equalBytes(machine, NO_MACHINE) ? null : machine, inode: input.u64() };
}

function readGuard(input: Reader): Guard {
  const floor = input.u64();
  const fresh = input.u8() === 1;
  const stale = input.u8() === 1 ? { height: input.u64(), round: input.u32() } : null;
  return { floor, fresh, stale };
}

/** The sequence number that a slot's prefix claims, unproven; null if it is no prefix. */
export function sequenceOf(prefix: Uint8Array): bigint | null {
  const input = new Reader(prefix);
  if (prefix.length < PREFIX_BYTES || !equalBytes(input.bytes(MAGIC.length), MAGIC)) return null;
  input.u16();
  return input.u64();
}

function readSigned(input: Reader): SignedMessage[] {
  // The checksum is right, so a wrong count is a bug of ours; it must not become an allocation.
  const count = Math.min(input.u8(), MAX_SIGNED);
  const signed: SignedMessage[] = [];
  for (let i = 0; i < count; i++) {
    signed.push({ type: input.u8(), step: input.u8(), digest: input.bytes(32), signature: input.bytes(64) });
  }
  return signed;
}

class Writer {
  readonly #out: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.#out = new Uint8Array(size);
    this.#view = new DataView(this.#out.buffer);
  }
  u8(value: number): this {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }
  u16(value: number): this {
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
    return this;
  }
  u32(value: number): this {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
    return this;
  }
  u64(value: bigint): this {
    this.#view.setBigUint64(this.#at, value);
    this.#at += 8;
    return this;
  }
  bytes(value: Uint8Array): this {
    this.#out.set(value, this.#at);
    this.#at += value.length;
    return this;
  }
  optional(value: Uint8Array | null): this {
    return value === null ? this.u32(NONE) : this.u32(value.length).bytes(value);
  }
  written(): Uint8Array {
    return this.#out.subarray(0, this.#at);
  }
}

class Reader {
  readonly #input: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
    this.#view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  }
  u8(): number {
    this.#at += 1;
    return this.#view.getUint8(this.#at - 1);
  }
  u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2);
  }
  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }
  u64(): bigint {
    this.#at += 8;
    return this.#view.getBigUint64(this.#at - 8);
  }
  bytes(length: number): Uint8Array {
    this.#at += length;
    return this.#input.slice(this.#at - length, this.#at);
  }
  optional(): Uint8Array | null {
    const length = this.u32();
    return length === NONE ? null : this.bytes(length);
  }
}
