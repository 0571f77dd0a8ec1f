import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Transaction } from './database.ts';

/** What a column of a COPY holds; null in a row is SQL null. */
type ColumnType = 'bytea' | 'text' | 'int2' | 'int4' | 'int8' | 'numeric' | 'bool' | 'text[]';
export type ColumnValue = Uint8Array | string | number | bigint | boolean | readonly string[] | null;

/** "PGCOPY", the marker bytes, no flags, no extension. */
const SIGNATURE = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const END = Buffer.from([0xff, 0xff]);
/** Flushed at this size: large enough for few writes, small enough for the socket. */
const CHUNK_BYTES = 262_144;
const TEXT_OID = 25;
/** PostgreSQL's numeric counts in base 10000. */
const NUMERIC_BASE = 10_000n;

/** Rows in the binary COPY format. */
class RowWriter {
  #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Gives up what was written; the writer starts anew. */
  take(): Buffer {
    const chunk = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    this.#length = 0;
    return chunk;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  row(types: readonly ColumnType[], values: readonly ColumnValue[]): void {
    this.#int16(types.length);
    for (const [index, type] of types.entries()) this.#value(type, values[index] ?? null);
  }

  #value(type: ColumnType, value: ColumnValue): void {
    // The length of the content, which is written first; -1 is null.
    this.#int32(-1);
    if (value === null) return;
    const start = this.#length;
    this.#content(type, value);
    this.#buffer.writeInt32BE(this.#length - start, start - 4);
  }

  #content(type: ColumnType, value: NonNullable<ColumnValue>): void {
    if (type === 'bytea') this.raw(value as Uint8Array);
    else if (type === 'text') this.raw(Buffer.from(value as string, 'utf8'));
    else if (type === 'int2') this.#int16(value as number);
    else if (type === 'int4') this.#int32(value as number);
    else if (type === 'int8') this.#int64(value as bigint);
    else if (type === 'bool') this.raw(Uint8Array.of(value === true ? 1 : 0));
    else if (type === 'numeric') this.#numeric(value as bigint);
    else this.#textArray(value as readonly string[]);
  }

  /** Digits in base 10000, most significant first; scale 0. */
  #numeric(value: bigint): void {
    const digits: number[] = [];
    for (let rest = value < 0n ? -value : value; rest > 0n; rest /= NUMERIC_BASE) {
      digits.push(Number(rest % NUMERIC_BASE));
    }
    this.#int16(digits.length);
    this.#int16(Math.max(0, digits.length - 1));
    this.#int16(value < 0n ? 0x4000 : 0);
    this.#int16(0);
    for (const digit of digits.reverse()) this.#int16(digit);
  }

  #textArray(values: readonly string[]): void {
    this.#int32(values.length === 0 ? 0 : 1);
    this.#int32(0);
    this.#int32(TEXT_OID);
    if (values.length === 0) return;
    this.#int32(values.length);
    this.#int32(1);
    for (const value of values) this.#value('text', value);
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeInt16BE(value, this.#length);
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
  }

  #int64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** A table and its columns, in the order of the rows' values. */
export interface CopyTarget {
  readonly table: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
}

/** Writes rows by binary COPY inside a transaction. */
export async function copyRows(
  tx: Transaction,
  target: CopyTarget,
  rows: Iterable<readonly ColumnValue[]>,
): Promise<void> {
  const types = Object.values(target.columns);
  const columns = Object.keys(target.columns).map((name) => `"${name}"`);
  const command = `copy "${target.table}" (${columns.join(', ')}) from stdin (format binary)`;
  const stream = await tx().unsafe(command).writable();
  // An error before the end destroys the stream, and `errored` has it; without a listener it would end the thread.
  stream.on('error', () => undefined);
  const writer = new RowWriter();
  writer.raw(SIGNATURE);
  for (const row of rows) {
    writer.row(types, row);
    if (writer.length >= CHUNK_BYTES) await send(stream, writer.take());
  }
  writer.raw(END);
  // postgres.js ends the COPY inside `end` only if nothing is being written: the last chunk was waited for.
  await send(stream, writer.take());
  stream.end();
  // postgres.js never says that the server refused the rows (a broken constraint): the next statement does, because
  // the transaction is then aborted. And it must see its stream closed before it may begin the next COPY.
  await tx()`select 1`;
  // Had the connection been lost, the statement may have run on the next one, and the stream would never close.
  tx();
  if (!stream.closed) await once(stream, 'close');
}

function send(stream: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(stream.errored ?? error) : resolve()));
  });
}
