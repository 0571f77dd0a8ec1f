import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMPLETE } from '../actors/host/signer/core/guard.ts';
import type { RecordContent, RecordOwner } from '../actors/host/signer/core/record.ts';
import { RecordFile } from '../actors/host/signer/io/record-file.ts';
import { MESSAGE_VOTE, STEP_PREPARE } from '../actors/pocket/chain/consensus.ts';
import { fromHex } from '../actors/pocket/chain/hex.ts';
import { type HomeLayout, homeLayout } from '../config/home.ts';
import { localnetLayout } from './localnet/files.ts';
import { prepareNetwork } from './localnet/network.ts';

const BIN = fileURLToPath(new URL('../../bin/potoroo', import.meta.url));

let directory: string;
let original: HomeLayout;
let owner: RecordOwner;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-signer-'));
  const layout = localnetLayout(join(directory, 'network'));
  const { nodes, network_id } = await prepareNetwork(layout, { validators: 1, databaseUrl: undefined });
  original = homeLayout(nodes[0]!.home);
  owner = { address: fromHex(nodes[0]!.address), networkId: network_id };
});
after(() => rmSync(directory, { recursive: true, force: true }));

function signer(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'signer', ...parameters], {
    encoding: 'utf8',
    input: '',
  });
  return { status, stdout, stderr };
}

function statusOf(home: HomeLayout) {
  const { status, stdout, stderr } = signer('status', '--home', home.home, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const recordIn = ({ signer: folder }: HomeLayout): string => join(folder, 'record');

/** A home of the same key, whose record has voted at a height. */
function homeAt(name: string, height: bigint, change: Partial<RecordContent> = {}): HomeLayout {
  const home = homeLayout(join(directory, name));
  cpSync(original.home, home.home, { recursive: true });
  if (height === 0n) return home;
  const vote = { type: MESSAGE_VOTE, step: STEP_PREPARE, digest: new Uint8Array(32), signature: new Uint8Array(64) };
  const state = { height, round: 0, step: STEP_PREPARE, prepareQc: null, lockedQc: null, signed: [vote] };
  const { file } = RecordFile.open(recordIn(home), owner);
  file.write({ state, guard: COMPLETE, ...change });
  file.close();
  return home;
}

describe('potoroo signer', () => {
  it('tells what was signed, while the record is in use, too', () => {
    const empty = homeAt('empty', 0n);
    assert.equal(statusOf(empty), null);
    const home = homeAt('used', 12n);
    const { file } = RecordFile.open(recordIn(home), owner);
    const status = statusOf(home);
    assert.equal(status.verdict, 'ready');
    assert.equal(status.height, 12);
    assert.equal(status.used_by, process.pid);
    const refused = signer('export', '--home', home.home, '--out', join(directory, 'never'));
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      new RegExp(`error SIGNER_RECORD_LOCKED: Process ${process.pid} .*Stop that node first`),
    );
    file.close();
    assert.match(signer('status', '--home', home.home).stdout, /last signed +height 12, round 0, PREPARE/);
  });

  it('moves a record to another home, which then knows all that the old one signed', () => {
    const old = homeAt('old', 20n);
    const out = join(directory, 'promises.json');
    assert.equal(signer('export', '--home', old.home, '--out', out).status, 0);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    const seed = JSON.parse(readFileSync(old.validatorKey, 'utf8')).seed as string;
    assert.ok(seed.length === 64 && !readFileSync(out, 'utf8').includes(seed), 'the key stays where it is');
    assert.match(signer('export', '--home', old.home, '--out', out).stderr, /error FILE_UNUSABLE/);

    const fresh = homeAt('new', 0n);
    assert.match(signer('import', out, '--home', fresh.home).stderr, /error USAGE: there is no terminal.*--yes/);
    assert.equal(signer('import', out, '--home', fresh.home, '--yes').status, 0);
    const { verdict, height } = statusOf(fresh);
    assert.deepEqual({ verdict, height }, { verdict: 'ready', height: 20 });

    const ahead = homeAt('ahead', 30n);
    assert.equal(signer('import', out, '--home', ahead.home, '--yes').status, 0);
    assert.equal(statusOf(ahead).height, 30, 'nothing is lowered');
  });

  it('takes a copied record only on the word that there is no other signer, and above what the network has reached', () => {
    const source = homeAt('source', 40n);
    const copied = homeLayout(join(directory, 'copied'));
    cpSync(source.home, copied.home, { recursive: true });
    assert.equal(statusOf(copied).verdict, 'copied');
    assert.match(signer('accept', '--home', copied.home).stderr, /error USAGE: give --sole-signer/);
    assert.match(signer('accept', '--home', copied.home, '--sole-signer').stderr, /error SIGNER_RISK.*--height/);
    const accepted = signer('accept', '--home', copied.home, '--sole-signer', '--height', '50', '--json');
    assert.equal(accepted.status, 0, accepted.stderr);
    const { verdict, floor } = JSON.parse(accepted.stdout);
    assert.deepEqual({ verdict, floor }, { verdict: 'ready', floor: 51 });
  });

  it('ends staleness by the newer record and the same word, and not without it', () => {
    const newer = homeAt('newer', 70n);
    const out = join(directory, 'newer.json');
    assert.equal(signer('export', '--home', newer.home, '--out', out).status, 0);
    const stale = homeAt('stale', 60n, { guard: { ...COMPLETE, stale: { height: 65n, round: 0 } } });
    assert.match(signer('import', out, '--home', stale.home, '--yes').stderr, /error SIGNER_RISK/);
    assert.equal(statusOf(stale).verdict, 'stale');
    assert.equal(signer('import', out, '--home', stale.home, '--yes', '--sole-signer').status, 0);
    const { verdict, height, floor } = statusOf(stale);
    assert.deepEqual({ verdict, height, floor }, { verdict: 'ready', height: 70, floor: 66 });
  });

  it('refuses what is no export, or of another key or network', () => {
    const home = homeAt('strict', 0n);
    const file = join(directory, 'bad.json');
    writeFileSync(file, '{"format":"something"}');
    assert.match(signer('import', file, '--home', home.home, '--yes').stderr, /error SIGNER_EXPORT_INVALID/);
    const good = JSON.parse(readFileSync(join(directory, 'promises.json'), 'utf8'));
    writeFileSync(file, JSON.stringify({ ...good, network: 'other' }));
    assert.match(signer('import', file, '--home', home.home, '--yes').stderr, /error SIGNER_RECORD_FOREIGN/);
    assert.equal(statusOf(home), null, 'no record was made');
    assert.match(signer('export', '--home', home.home, '--out', file).stderr, /error SIGNER_RECORD_MISSING/);
    assert.match(signer('status').stderr, /error USAGE/);
  });
});
