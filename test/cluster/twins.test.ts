import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { homeLayout } from '../../config/home.ts';
import { loadConfig } from '../../config/load.ts';
import type { NodeConfigInput } from '../../config/schema.ts';
import { judge } from '../killsweep/checker.ts';
import { Stage } from '../killsweep/stage.ts';
import { Follower } from '../killsweep/statements.ts';
import { Victim } from '../killsweep/victim.ts';
import { potoroo, until } from '../support/command.ts';

/** Of a round: three of four go on without the fourth. */
const TIMEOUT_ms = 5_000;
const LIMIT_ms = 120_000;

let stage: Stage;
/** Two processes with one key, which start at once: neither has a past that the other's votes are missing in. */
let first: Victim;
let twin: Victim;

before(async () => {
  stage = await Stage.open({ timeout_ms: TIMEOUT_ms, indispensable: true });
  const { directory, victim } = stage;
  first = new Victim(victim.home, victim.log, join(directory, 'control'));
  twin = new Victim(twinHome('twin'), join(directory, 'twin.log'), join(directory, 'twin-control'));
  first.start();
  twin.start();
});

after(async () => {
  await first?.kill();
  await twin?.kill();
  await stage?.close();
});

/** A second home with the validator's key, its own node key and its own tables, as on another machine. */
function twinHome(name: string, change: NodeConfigInput = {}): string {
  const { victim, directory } = stage;
  const original = homeLayout(victim.home);
  const twin = homeLayout(join(directory, name));
  mkdirSync(twin.keys, { recursive: true, mode: 0o700 });
  mkdirSync(twin.signer, { mode: 0o700 });
  cpSync(original.validatorKey, twin.validatorKey);
  cpSync(original.genesis, twin.genesis);
  const config = JSON.parse(readFileSync(original.config, 'utf8')) as NodeConfigInput;
  const own: NodeConfigInput = {
    ...config,
    database: { ...config.database, schema: name },
    p2p: { ...config.p2p, listen: ['/ip4/127.0.0.1/tcp/0'] },
    rpc: { port: 0 },
    telemetry: { port: 0 },
    ...change,
  };
  writeFileSync(twin.config, JSON.stringify(own), { mode: 0o600 });
  return twin.home;
}

test('twins with records of their own cannot be refused: what they sign burns their stake, and pauses the validator', async () => {
  const { statements, genesis, victim } = stage;
  const [other] = stage.others;
  const { schema } = loadConfig(other!.home).database;
  const { url, host } = stage.server;
  const sql = postgres(url, { host, max: 1, onnotice: () => undefined });
  const asStaked = async () => {
    const [row] = await sql<{ staked: string; paused: string }[]>`
      select staked_amount::text as staked, paused_height::text as paused
      from ${sql(schema)}.v_actors where address = ${victim.address}`;
    return row!;
  };
  const staked = BigInt((await asStaked()).staked);
  try {
    const punished = await until(
      'the validator is paused',
      async () => {
        const row = await asStaked();
        return Number(row.paused) >= 0 ? row : undefined;
      },
      LIMIT_ms,
    );
    assert.ok(BigInt(punished.staked) < staked, 'a part of the stake is burned');
    const { contradictions } = await judge(statements, genesis, victim.address);
    assert.ok(contradictions.length > 0);
    for (const { address } of contradictions) assert.equal(address, victim.address);
    // The others are a quorum: they go on without it.
    const follower = new Follower(statements, other!.address);
    follower.mark();
    assert.ok(await follower.votesAfter(BigInt(punished.paused) + 2n, LIMIT_ms));
    follower.close();
  } finally {
    await sql.end();
  }
});

test('a second process on the home of a validator that runs is refused', async () => {
  const { code, stderr } = await potoroo('start', '--home', stage.victim.home);
  assert.equal(code, 1);
  assert.match(stderr, /HOME_IN_USE/);
});

test('a second home that shares the safety record is refused', async () => {
  const home = twinHome('sharing', { signer: { record_file: first.files.record } });
  const { code, stderr } = await potoroo('start', '--home', home);
  assert.equal(code, 1);
  assert.match(stderr, /SIGNER_RECORD_LOCKED/);
});

test('a copy of the safety record is refused', async () => {
  const home = twinHome('copying');
  cpSync(first.files.record, join(homeLayout(home).signer, 'record'));
  const { code, stderr } = await potoroo('start', '--home', home);
  assert.equal(code, 1);
  assert.match(stderr, /SIGNER_RECORD_COPIED/);
});
