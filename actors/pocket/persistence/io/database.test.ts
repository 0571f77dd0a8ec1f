import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { systemClock } from '../../../../runtime/clock.ts';
import { hasCode } from '../../../../runtime/errors.ts';
import { connect, silent, type TestServer, testServer } from '../testing/harness.ts';
import { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';

describe('database', () => {
  let server: TestServer;
  const open = (url: string, schema = 'potoroo', log = silent) =>
    new Database({ url, schema, poolSize: 2, clock: systemClock, log, onRetry: () => undefined });
  const soon = () => Date.now() + 300;

  before(async () => {
    server = await testServer();
  });
  after(() => server.stop());

  async function failing(url: string, code: string): Promise<Error> {
    const database = open(url);
    try {
      await database.run(soon(), (sql) => sql`select 1`);
    } catch (error) {
      assert.ok(hasCode(error, code), String(error));
      return error as Error;
    } finally {
      await database.close();
    }
    return assert.fail('it answered');
  }

  it('says which database does not answer, without its password', async () => {
    const error = await failing('postgresql://me:secret@127.0.0.1:1/chain', 'DATABASE_UNREACHABLE');
    assert.match(error.message, /me:\*\*\*@127\.0\.0\.1:1\/chain/);
    assert.doesNotMatch(JSON.stringify([error.message, error]), /secret/);
    await failing('postgresql://me@%2Fnowhere/chain', 'DATABASE_UNREACHABLE');
  });

  it('says that the login or the database is wrong', async () => {
    await failing(server.url.replace(/\/potoroo$/, '/absent'), 'DATABASE_REFUSED');
    await failing(server.url.replace('//potoroo@', '//nobody@'), 'DATABASE_REFUSED');
  });

  it('refuses what is no URL of PostgreSQL', () => {
    for (const url of ['', 'localhost', 'mysql://x/y']) {
      assert.throws(
        () => open(url),
        (error) => hasCode(error, 'DATABASE_URL_INVALID'),
      );
    }
  });

  it('migrates once, and two nodes at a time do not disturb each other', async () => {
    const databases = [open(server.url, 'twice'), open(server.url, 'twice')];
    const options = { schema: 'twice', deadline_ms: Date.now() + 5_000, log: silent };
    await Promise.all(databases.map((database) => migrate(database, options)));
    const sql = connect(server.url, 'twice');
    assert.equal((await sql`select * from migration`).length, MIGRATIONS.length);
    const next = { version: MIGRATIONS.length + 1, name: 'next', sql: 'create table added (id int)' };
    await migrate(databases[0] as Database, { ...options, migrations: [...MIGRATIONS, next] });
    assert.equal((await sql`select * from added`).length, 0);
    await assert.rejects(migrate(databases[1] as Database, options), (error) =>
      hasCode(error, 'DATABASE_SCHEMA_NEWER'),
    );
    const changed = [...MIGRATIONS, { ...next, sql: 'create table other (id int)' }];
    await assert.rejects(migrate(databases[1] as Database, { ...options, migrations: changed }), (error) =>
      hasCode(error, 'DATABASE_SCHEMA_CHANGED'),
    );
    const broken = [
      ...MIGRATIONS,
      next,
      { version: next.version + 1, name: 'broken', sql: 'create table half (id int); no' },
    ];
    await assert.rejects(migrate(databases[0] as Database, { ...options, migrations: broken }));
    assert.equal((await sql`select to_regclass('half') as half`)[0]?.half, null);
    await sql.end();
    await Promise.all(databases.map((database) => database.close()));
  });

  it('says that a server is silent, and that it answers again', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) });
    const database = open(server.url, 'public', log);
    await database.run(soon(), (sql) => sql`select 1`);
    await database.run(Date.now() + 10_000, (sql) => sql`select pg_sleep(3.3)`);
    assert.deepEqual(lines, ['the database does not answer: waiting for it', 'the database answers again']);
    await database.close();
  });

  it('takes the connections of a transaction that failed back into use', async () => {
    const database = open(server.url, 'public');
    await database.run(soon(), (sql) => sql`create table kept (id int primary key)`);
    const insertTwice = database.transaction(soon(), async (tx) => {
      await tx()`insert into kept values (1)`;
      await tx()`insert into kept values (1)`;
    });
    await assert.rejects(insertTwice, (error) => hasCode(error, '23505'));
    await database.transaction(soon(), (tx) => tx()`insert into kept values (2)`);
    const rows = await database.run(soon(), (sql) => sql`select id from kept`);
    assert.deepEqual(
      rows.map(({ id }) => id),
      [2],
    );
    await database.close();
  });
});
