import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../../runtime/clock.ts';
import { silent, type TestServer, testServer } from '../testing/harness.ts';
import { type ColumnValue, type CopyTarget, copyRows } from './copy.ts';
import { Database } from './database.ts';

const TARGET: CopyTarget = {
  table: 'sample',
  columns: {
    id: 'int4',
    bytes: 'bytea',
    words: 'text',
    small: 'int2',
    large: 'int8',
    amount: 'numeric',
    flag: 'bool',
    list: 'text[]',
  },
};

/** PostgreSQL's text cannot hold the zero character; a lone surrogate has no UTF-8. */
const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
const row = fc.tuple(
  fc.uint8Array({ maxLength: 300 }),
  text,
  fc.integer({ min: -32_768, max: 32_767 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.option(fc.bigInt({ min: -(10n ** 38n), max: 2n ** 128n - 1n })),
  fc.boolean(),
  fc.array(text, { maxLength: 4 }),
);

describe('copyRows', () => {
  let server: TestServer;
  let database: Database;
  before(async () => {
    server = await testServer();
    database = new Database({
      url: server.url,
      schema: 'public',
      poolSize: 2,
      clock: systemClock,
      log: silent,
      onRetry: () => undefined,
    });
    await database.run(
      Number.POSITIVE_INFINITY,
      (sql) => sql`
      create table sample (id int primary key, bytes bytea, words text, small int2, large int8,
        amount numeric(39, 0), flag bool, list text[])`,
    );
  });
  after(async () => {
    await database.close();
    await server.stop();
  });

  const copy = (rows: ColumnValue[][]) =>
    database.transaction(Number.POSITIVE_INFINITY, async (tx) => {
      await tx()`truncate sample`;
      await copyRows(tx, TARGET, rows);
    });
  const stored = () =>
    database.run(
      Number.POSITIVE_INFINITY,
      (sql) => sql`
      select bytes, words, small, large, amount, flag, to_json(list)::text as list from sample order by id`,
    );

  it('stores any value as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
        await copy(rows.map((values, index) => [index, ...values]));
        assert.deepEqual(
          (await stored()).map((found) => [
            Buffer.from(found.bytes).toString('hex'),
            found.words,
            found.small,
            found.large,
            found.amount,
            found.flag,
            JSON.parse(found.list),
          ]),
          rows.map(([bytes, ...rest]) => [Buffer.from(bytes).toString('hex'), ...rest]),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('sends more than a chunk', async () => {
    const bytes = new Uint8Array(200_000).fill(7);
    await copy(Array.from({ length: 20 }, (_, index) => [index, bytes, '', 0, 0n, null, false, []]));
    const [sum] = await database.run(
      Number.POSITIVE_INFINITY,
      (sql) => sql`select sum(length(bytes))::int4 as n from sample`,
    );
    assert.equal(sum?.n, 4_000_000);
  });

  it('fails where a constraint is broken, and leaves the connection fit for use', async () => {
    await copy([[1, null, 'kept', 0, 0n, 0n, false, []]]);
    const twice: ColumnValue[] = [1, null, 'twice', 0, 0n, 0n, false, []];
    await assert.rejects(copy([twice, twice]));
    assert.deepEqual(
      (await stored()).map(({ words }) => words),
      ['kept'],
    );
    await copy([twice]);
    assert.deepEqual(
      (await stored()).map(({ words }) => words),
      ['twice'],
    );
  });
});
