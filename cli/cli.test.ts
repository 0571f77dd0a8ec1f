import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { hasCode } from '../runtime/errors.ts';
import { identityOf } from '../runtime/process-identity.ts';
import { takeLock } from './lock.ts';
import { NodeClient } from './node-client.ts';
import { program } from './program.ts';
import { StopSignals } from './signals.ts';

const BIN = fileURLToPath(new URL('../../bin/potoroo', import.meta.url));

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-cli-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function potoroo(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...parameters], { encoding: 'utf8', input: '' });
  return { status, stdout, stderr };
}

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

/** The whole help, as it is printed: `helpInformation` leaves out what was added after it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

describe('potoroo', () => {
  it('has a description and an example for every command', () => {
    for (const command of commandsOf(program())) {
      const help = helpOf(command);
      assert.match(help, /Examples?:\n {2}\$ potoroo/, command.name());
      assert.ok(command.description().length > 10, command.name());
    }
  });

  it('ends with 0 after help, 2 after wrong usage, 1 after failure', () => {
    assert.equal(potoroo('--help').status, 0);
    assert.equal(potoroo('localnet', 'node', '--help').status, 0);
    for (const wrong of [
      ['nonsense'],
      ['localnet', '--blocks', '0'],
      ['start'],
      ['query', 'tx', '00'],
      ['localnet', '--load', '-1'],
      ['localnet', '--chaos', 'everything'],
      ['localnet', '--seed', '7'],
      ['query', 'account', '1234'],
      ['account', 'send', 'alice', '00'.repeat(20), '1.5'],
    ]) {
      const { status, stdout, stderr } = potoroo(...wrong);
      assert.deepEqual({ wrong, status, stdout }, { wrong, status: 2, stdout: '' });
      assert.match(stderr, /^error [A-Z_]+: /);
    }
    const { status, stderr } = potoroo('start', '--home', join(directory, 'absent'));
    assert.equal(status, 1);
    assert.match(stderr, /^error HOME_MISSING: /);
    assert.match(potoroo('localnet', 'node', 'stop', '1', '--dir', directory).stderr, /LOCALNET_MISSING/);
    const file = join(directory, 'file');
    writeFileSync(file, '');
    assert.match(potoroo('keys', 'list', '--keys-dir', file).stderr, /^error FILE_UNUSABLE: .*file.*check the path/);
    assert.match(potoroo('query', 'height', '--node', 'http://127.0.0.1:1').stderr, /^error NODE_UNREACHABLE: /);
  });

  it('creates, lists and shows keys', () => {
    const keys = join(directory, 'keys');
    const created = potoroo('keys', 'create', '--name', 'alice', '--unencrypted', '--keys-dir', keys, '--json');
    assert.equal(created.status, 0, created.stderr);
    const { address, encrypted } = JSON.parse(created.stdout);
    assert.equal(encrypted, false);
    writeFileSync(join(directory, 'password'), 'secret\n');
    const bob = ['keys', 'create', '--name', 'bob', '--password-file', join(directory, 'password'), '--keys-dir', keys];
    assert.equal(potoroo(...bob).status, 0);
    const listed = JSON.parse(potoroo('keys', 'list', '--keys-dir', keys, '--json').stdout);
    assert.deepEqual(
      listed.map((key: { name: string; encrypted: boolean }) => [key.name, key.encrypted]),
      [
        ['alice', false],
        ['bob', true],
      ],
    );
    assert.equal(JSON.parse(potoroo('keys', 'show', address, '--keys-dir', keys, '--json').stdout).name, 'alice');
    assert.match(potoroo('keys', 'show', 'carol', '--keys-dir', keys).stderr, /KEY_UNKNOWN/);
    // No terminal, no password: refused, not guessed.
    assert.equal(potoroo('keys', 'create', '--keys-dir', keys).status, 2);
    const both = potoroo('keys', 'create', '--unencrypted', '--password-file', 'x', '--keys-dir', keys);
    assert.equal(both.status, 2);
  });
});

describe('a lock', () => {
  it('names the process that holds it', () => {
    const path = join(directory, 'lock');
    // The parent of this test lives as long as the test.
    writeFileSync(path, JSON.stringify(identityOf(process.ppid)));
    assert.throws(
      () => takeLock(path, 'the thing'),
      (error) => hasCode(error, 'HOME_IN_USE') && String(error).includes(String(process.ppid)),
    );
  });
});

describe('signals', () => {
  it('stop once, ignore the echo of npm, and force later', () => {
    let now = 0;
    const events: string[] = [];
    const signals = new StopSignals({
      stop: () => events.push('stop'),
      force: () => events.push('force'),
      now: () => now,
    });
    signals.receive();
    now = 900;
    signals.receive();
    now = 1_100;
    signals.receive();
    assert.deepEqual(events, ['stop', 'force']);
  });
});

describe('a node client', () => {
  let server: Server;
  let client: NodeClient;
  before(async () => {
    server = createServer((request, response) => {
      if (request.url === '/silent') return;
      if (request.url === '/drip') response.write('[');
      else if (request.url === '/refused') response.writeHead(503).end('{"code":"RPC_BUSY","message":"later"}');
      else if (request.url === '/strange') response.writeHead(500).end('<html>');
      else response.end(request.url === '/text' ? 'no json' : '{"a":1}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new NodeClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { timeout_ms: 1_500 });
  });
  after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });

  it('passes the node’s errors on and names its own', async () => {
    assert.deepEqual(await client.getJson('/x'), { a: 1 });
    const expected = { '/silent': 'NODE_TIMEOUT', '/drip': 'NODE_TIMEOUT', '/refused': 'RPC_BUSY' };
    for (const [path, code] of Object.entries({ ...expected, '/strange': 'NODE_ANSWER', '/text': 'NODE_ANSWER' })) {
      await assert.rejects(client.getJson(path), (error) => hasCode(error, code), path);
    }
    await assert.rejects(new NodeClient('nonsense').get('/'), (error) => hasCode(error, 'NODE_UNREACHABLE'));
  });
});
