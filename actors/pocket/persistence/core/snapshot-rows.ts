import { CodedError } from '../../../../runtime/errors.ts';
import { decodeAccount } from '../../chain/account.ts';
import { type Actor, decodeActor } from '../../chain/actor.ts';
import { compareBytes } from '../../chain/hex.ts';
import { decodeParam } from '../../chain/params.ts';
import { decodeSnapshotChunk, type SnapshotChunk, type SnapshotChunkInfo } from '../../chain/snapshot.ts';
import { decodeTransaction, replayKey, transactionHash } from '../../chain/transaction.ts';
import type { AccountRow } from '../protocol.ts';
import { actorTree, type ParamRow } from './entries.ts';
import { isInWindow, type WindowEntry } from './window.ts';

/** A transaction of the replay window without the block that it was in. */
export interface RememberedRow extends WindowEntry {
  /** SHA3-256 of its bytes. */
  readonly hash: Uint8Array;
}

/** Rows that the values of a chunk stand for. */
export type SnapshotRows =
  | { readonly table: 'account' | 'pool'; readonly rows: AccountRow[] }
  | { readonly table: 'actor'; readonly rows: Actor[] }
  | { readonly table: 'param'; readonly rows: ParamRow[] }
  | { readonly table: 'remembered'; readonly rows: RememberedRow[] };

/** Rows in one slice of work: some 20 ms of the thread, which must go on answering. */
const SLICE_ROWS = 2_000;
/** The greatest number of a bigint column. */
const MAX_INT8 = 2n ** 63n - 1n;

/**
 * Turns the chunks of a snapshot, one after the other, into rows. What only the state hash can show is not judged here,
 * but whatever a table would refuse is.
 */
export class SnapshotReader {
  readonly #height: bigint;
  /** Identity of the last value, and its tree. */
  #last: { tree: string; key: Uint8Array } | null = null;

  constructor(height: bigint) {
    this.#height = height;
  }

  /** @param info what the manifest says of the chunk @returns its rows, slice by slice @throws SNAPSHOT_INVALID */
  *read(info: SnapshotChunkInfo, bytes: Uint8Array): Generator<SnapshotRows> {
    try {
      const { tree, values } = decodeSnapshotChunk(bytes);
      require(tree === info.tree && values.length === info.rows, 'a chunk has another tree or size');
      for (let at = 0; at < values.length; at += SLICE_ROWS) {
        yield this.#rows({ tree, values: values.slice(at, at + SLICE_ROWS) });
      }
    } catch (cause) {
      if (!(cause instanceof CodedError) || cause.code === 'SNAPSHOT_INVALID') throw cause;
      throw invalid(`a value of tree ${info.tree} cannot be read (${cause.message})`, cause);
    }
  }

  #rows({ tree, values }: SnapshotChunk): SnapshotRows {
    const each = <T>(read: (value: Uint8Array) => T, keyOf: (row: T) => Uint8Array): T[] =>
      values.map((value) => {
        const row = read(value);
        this.#follow(tree, keyOf(row));
        return row;
      });
    switch (tree) {
      case 'account':
      case 'pool':
        return { table: tree, rows: each(decodeAccount, ({ address }) => address) };
      case 'params':
        return { table: 'param', rows: each(readParam, ({ name }) => new TextEncoder().encode(name)) };
      case 'transactions': {
        const read = (bytes: Uint8Array) => readRemembered(bytes, this.#height);
        return { table: 'remembered', rows: each(read, (row) => row.replayKey) };
      }
      default:
        return {
          table: 'actor',
          rows: each(
            (value) => readActor(tree, value),
            ({ address }) => address,
          ),
        };
    }
  }

  /** Each identity once, in order. */
  #follow(tree: string, key: Uint8Array): void {
    const last = this.#last;
    const follows = last === null || last.tree !== tree || compareBytes(last.key, key) < 0;
    require(follows, `the values of tree ${tree} are not by ascending key`);
    this.#last = { tree, key };
  }
}

function readParam(value: Uint8Array): ParamRow {
  const param = decodeParam(value);
  requireHeights(param.height);
  requireText(param.name, param.value);
  return param;
}

function readActor(tree: string, value: Uint8Array): Actor {
  const actor = decodeActor(value);
  require(actorTree(actor.type) === tree, `an actor of type ${actor.type} is in tree ${tree}`);
  requireHeights(actor.missedBlocks, actor.punishedHeight);
  requireText(actor.serviceUrl, ...actor.chains);
  return actor;
}

function readRemembered(bytes: Uint8Array, height: bigint): RememberedRow {
  const transaction = decodeTransaction(bytes);
  const { validUntilHeight } = transaction;
  requireHeights(validUntilHeight);
  const row = { replayKey: replayKey(transaction), validUntilHeight, bytes, hash: transactionHash(bytes) };
  require(isInWindow(row, height), 'a transaction is in the replay window that is past its last height');
  return row;
}

function requireHeights(...heights: bigint[]): void {
  require(heights.every((height) => height <= MAX_INT8), 'a height is above 2^63 - 1');
}

/** PostgreSQL's text cannot hold the zero character. */
function requireText(...texts: string[]): void {
  require(!texts.some((text) => text.includes('\0')), 'a text has a zero character');
}

function require(ok: boolean, reason: string): void {
  if (!ok) throw invalid(reason);
}

function invalid(reason: string, cause?: unknown): CodedError {
  return new CodedError(
    'SNAPSHOT_INVALID',
    `the snapshot is none: ${reason}. Fetch another one, from another peer.`,
    { reason },
    cause === undefined ? {} : { cause },
  );
}
