import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { CodedError } from '../../../../runtime/errors.ts';
import type { Sql } from './client.ts';
import { type Database, LONG_ATTEMPT_MS, type Transaction } from './database.ts';
import { MIGRATIONS } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';

/** The oldest server with what the views use (SQL bodies, rtrim of bytea). */
const MIN_SERVER_VERSION = 140_000;
/** Held by whoever changes all of a schema. Any number that nobody else locks with: "potoroo" in ASCII. */
export const SCHEMA_LOCK = 0x706f746f726f6fn;

/**
 * Brings the schema to the version of this program, in one transaction, one node at a time.
 * @throws DATABASE_SCHEMA_NEWER, DATABASE_SCHEMA_CHANGED, DATABASE_TOO_OLD
 */
export async function migrate(
  database: Database,
  options: { schema: string; deadline_ms: number; log: Logger; migrations?: readonly Migration[] },
): Promise<void> {
  const { schema, log, migrations = MIGRATIONS } = options;
  await database.transaction(
    options.deadline_ms,
    async (tx) => {
      await requireServer(tx());
      await tx()`set local statement_timeout = 0`;
      await tx()`select pg_advisory_xact_lock(${SCHEMA_LOCK})`;
      await tx()`create schema if not exists ${tx()(schema)}`;
      await tx()`
      create table if not exists migration (
        version integer primary key, name text not null, checksum text not null,
        applied_at timestamptz not null default now()
      )`;
      const applied = await tx()<{ version: number; checksum: string }[]>`
      select version, checksum from migration order by version`;
      check(applied, migrations, schema);
      for (const migration of migrations.slice(applied.length)) await apply(tx, migration, log);
    },
    LONG_ATTEMPT_MS,
  );
}

async function requireServer(sql: Sql): Promise<void> {
  const [row] = await sql<{ version: string }[]>`select current_setting('server_version_num') as version`;
  const version = Number(row?.version);
  if (version >= MIN_SERVER_VERSION) return;
  throw new CodedError('DATABASE_TOO_OLD', `PostgreSQL 14 or newer is needed, the server is ${version}.`, { version });
}

function check(
  applied: readonly { version: number; checksum: string }[],
  migrations: readonly Migration[],
  schema: string,
): void {
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > migrations.length) {
    throw new CodedError(
      'DATABASE_SCHEMA_NEWER',
      `schema ${schema} has version ${newest}, this program knows ${migrations.length}: ` +
        'run the newer program, or give this one another database.schema.',
      { schema, version: newest, known: migrations.length },
    );
  }
  for (const [index, { version, checksum }] of applied.entries()) {
    const migration = migrations[index];
    if (migration?.version === version && checksumOf(migration) === checksum) continue;
    throw new CodedError(
      'DATABASE_SCHEMA_CHANGED',
      `schema ${schema} was built by another migration ${version} than this program's: ` +
        'it comes from a development version. Give this one another database.schema and let it sync.',
      { schema, version },
    );
  }
}

async function apply(tx: Transaction, migration: Migration, log: Logger): Promise<void> {
  log.info({ version: migration.version, name: migration.name }, 'migrating the schema');
  await tx().unsafe(migration.sql);
  await tx()`
    insert into migration (version, name, checksum)
    values (${migration.version}, ${migration.name}, ${checksumOf(migration)})`;
}

function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex');
}
