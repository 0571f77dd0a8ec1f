import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type HomeLayout, homeLayout } from '../config/home.ts';
import type { ActorStatus, Fault } from '../runtime/child-spec.ts';
import type { CrashReport } from '../runtime/crash-report.ts';
import { CodedError } from '../runtime/errors.ts';
import { type Administered, serveAdmin } from './admin.ts';
import type { OrderServer } from './order-socket.ts';

const BIN = fileURLToPath(new URL('../../bin/potoroo', import.meta.url));

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-actor-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** Runs `potoroo actor …` beside this process, which serves the socket. */
function actor(...parameters: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [BIN, 'actor', ...parameters], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

function makeHome(name: string): HomeLayout {
  const layout = homeLayout(join(directory, name));
  for (const folder of [layout.run, layout.crashes, layout.deadLetters]) mkdirSync(folder, { recursive: true });
  writeFileSync(layout.config, '{}');
  return layout;
}

const ALIVE: ActorStatus = {
  name: 'persistence',
  group: 'core',
  dependents: ['utility'],
  phase: 'running',
  up: true,
  incarnation: 1,
  restarts: 0,
  uptime_ms: 65_000,
  recovery_ms: null,
  lastDeath: null,
  silent_ms: 4,
  cpu_s: 1.25,
  heap_bytes: 34e6,
  external_bytes: 1.2e6,
};

/** Stands in for a supervisor: what is killed is back after a moment, in its next incarnation. */
class StandIn implements Administered {
  readonly orders: string[] = [];
  #actors: ActorStatus[] = [
    ALIVE,
    { ...ALIVE, name: 'utility', dependents: [] },
    { ...ALIVE, name: 'rpc', group: 'edge', dependents: [] },
  ];

  status(): ActorStatus[] {
    return this.#actors;
  }

  async kill(name: string, by: Fault = 'terminate'): Promise<void> {
    this.orders.push(`kill ${name} ${by}`);
    const death = { at_ms: 0, code: 'ACTOR_EXITED', message: 'exit code 7', selfInflicted: true, report: 'r.json' };
    // Exits for good.
    const phase = by === 'exit' ? ('ended' as const) : ('waiting' as const);
    this.#set(name, { up: false, phase, lastDeath: death });
    if (by !== 'exit') setTimeout(() => this.#replace(name), 300);
  }

  async restart(name: string): Promise<void> {
    this.orders.push(`restart ${name}`);
    if (name === 'nobody') throw new CodedError('ACTOR_UNKNOWN', 'there is no actor nobody');
    this.#replace(name);
  }

  #replace(name: string): void {
    const { incarnation } = this.#actors.find((one) => one.name === name)!;
    this.#set(name, {
      up: true,
      phase: 'running',
      incarnation: incarnation + 1,
      restarts: incarnation,
      recovery_ms: 42,
    });
  }

  #set(name: string, change: Partial<ActorStatus>): void {
    this.#actors = this.#actors.map((one) => (one.name === name ? { ...one, ...change } : one));
  }
}

describe('potoroo actor, on a running node', () => {
  const node = new StandIn();
  let server: OrderServer;
  let home: string;
  before(async () => {
    const layout = makeHome('running');
    home = layout.home;
    server = await serveAdmin(layout.adminSocket, node);
    writeFileSync(layout.nodeFile, JSON.stringify({ pid: 1, admin_socket: server.path }));
  });
  after(() => server.close());

  it('lists the actors', async () => {
    const { code, stdout } = await actor('list', '--home', home);
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.match(
      lines[0]!,
      /^actor +group +state +restarts +uptime +last death +recovery +silent +CPU +heap +external$/,
    );
    assert.match(lines[1]!, /^persistence +core +running +0 +65\.0 s +- +- +4 ms +1\.3 s +34 MB +1\.2 MB$/);
    const [first] = JSON.parse((await actor('list', '--home', home, '--json')).stdout);
    assert.deepEqual(
      [first.name, first.state, first.last_death, first.heap_bytes],
      ['persistence', 'running', null, 34e6],
    );
  });

  it('shows who is replaced with whom', async () => {
    const { stdout } = await actor('tree', '--home', home);
    const expected = [
      'core',
      '├─ persistence: running',
      '│  └─ utility is replaced with it',
      '└─ utility: running',
      'edge',
      '└─ rpc: running',
    ];
    assert.deepEqual(stdout.trimEnd().split('\n').slice(0, 6), expected);
  });

  it('kills, and waits until the actor serves again', async () => {
    const { code, stdout } = await actor('kill', 'rpc', '--by', 'loop', '--wait', '--home', home, '--json');
    assert.equal(code, 0);
    const { after_ms, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, { actor: 'rpc', by: 'loop', incarnation: 2, recovery_ms: 42, code: 'ACTOR_EXITED' });
    assert.ok(after_ms >= 250);
    const told = await actor('kill', 'rpc', '--wait', '--home', home);
    assert.match(
      told.stdout,
      /died by terminate \(ACTOR_EXITED: exit code 7\)\nincarnation 3 serves .* 42 ms after its death\n/,
    );
    assert.deepEqual(node.orders.splice(0), ['kill rpc loop', 'kill rpc terminate']);
  });

  it('does not wait for what does not come back', async () => {
    const { code, stderr } = await actor('kill', 'utility', '--by', 'exit', '--wait', '--home', home);
    assert.equal(code, 1);
    assert.match(stderr, /^error ACTOR_NOT_RECOVERED: utility is ended in incarnation 1, last death ACTOR_EXITED/);
    node.orders.length = 0;
  });

  it('restarts', async () => {
    const { stdout } = await actor('restart', 'persistence', '--home', home, '--json');
    assert.deepEqual(JSON.parse(stdout), { actor: 'persistence', incarnation: 2 });
    assert.deepEqual(node.orders.splice(0), ['restart persistence']);
  });

  it('passes the refusals of the node on', async () => {
    assert.match(
      (await actor('kill', 'nobody', '--home', home)).stderr,
      /^error ACTOR_UNKNOWN: .*persistence, utility, rpc/,
    );
    assert.match((await actor('restart', 'nobody', '--home', home)).stderr, /^error ACTOR_UNKNOWN: /);
    assert.deepEqual(node.orders.splice(0), ['restart nobody']);
  });
});

describe('potoroo actor, without a node', () => {
  it('says which node it wants to know', async () => {
    for (const wrong of [
      ['list'],
      ['list', '--home', 'x', '--node', '1'],
      ['list', '--node', '0'],
      ['kill', 'x', '--by', 'magic'],
    ]) {
      const { code, stderr } = await actor(...wrong);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^error USAGE: /);
    }
    assert.match((await actor('list', '--home', join(directory, 'absent'))).stderr, /^error HOME_MISSING: /);
    assert.match((await actor('list', '--node', '1', '--dir', directory)).stderr, /^error LOCALNET_MISSING: /);
  });

  it('says how to start it', async () => {
    const { home, nodeFile } = makeHome('stopped');
    assert.match((await actor('list', '--home', home)).stderr, /^error NODE_NOT_RUNNING: .*potoroo start --home/);
    // What a killed node leaves: a file, and a socket that nobody listens on.
    writeFileSync(nodeFile, JSON.stringify({ admin_socket: join(home, 'run', 'admin.sock') }));
    assert.match((await actor('tree', '--home', home)).stderr, /^error NODE_NOT_RUNNING: /);
    writeFileSync(nodeFile, 'damaged');
    assert.match((await actor('restart', 'rpc', '--home', home)).stderr, /^error NODE_NOT_RUNNING: /);
  });
});

const REPORT: CrashReport = {
  version: 1,
  time: '2026-01-02T03:04:05.006Z',
  software: '0.1.0',
  actor: 'consensus',
  incarnation: 3,
  reason: { code: 'ACTOR_STALLED', message: 'silent for 5 s\u001b[31m', data: { stall_ms: 5_000 } },
  stack: 'Error: x\n    at y (z.ts:1:2)',
  lived_ms: 12_345,
  silent_ms: 5_010,
  cpu_s: 3.21,
  memory: { heap_bytes: 34e6, heap_limit_bytes: 1_074e6, external_bytes: 2e6, process_rss_bytes: 300e6 },
  blamed: 'ask commit from utility',
  messages: [{ at: '2026-01-02T03:04:00.000Z', from: 'p2p', message: 'tell vote', inHand: true }],
  decision: 'replaced at once',
};
const LETTER = {
  version: 1,
  id: 'abc',
  time: '2026-01-02T03:04:05.006Z',
  actor: 'utility',
  from: 'rpc',
  message: 'ask submit',
  deaths: [{ time: '2026-01-02T03:04:04.000Z', code: 'ACTOR_TRAPPED' }],
  body: 'gaE=',
  text: '{"a":1}',
};

describe('potoroo actor, on the files of a node that need not run', () => {
  let home: string;
  before(() => {
    const layout = makeHome('files');
    home = layout.home;
    const put = (name: string, value: unknown): void =>
      writeFileSync(join(layout.crashes, name), typeof value === 'string' ? value : JSON.stringify(value));
    put('a-consensus-3.json', REPORT);
    put('b-consensus-4.json', { ...REPORT, time: '2026-01-03T00:00:00.000Z', incarnation: 4, stack: '', messages: [] });
    put('c-rpc-1.json', { ...REPORT, time: '2026-01-01T00:00:00.000Z', actor: 'rpc', incarnation: 1 });
    put('cut.json', '{"version":1');
    put('later.json', { ...REPORT, version: 2 });
    put('half.json.1.new', '');
    writeFileSync(join(layout.deadLetters, 'abc.json'), JSON.stringify(LETTER));
    writeFileSync(join(layout.deadLetters, 'bad.json'), 'null');
  });

  it('lists crash reports, newest first, and names what cannot be read', async () => {
    const { code, stdout, stderr } = await actor('report', '--home', home);
    assert.equal(code, 0);
    const ids = stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(' ').at(-1));
    assert.deepEqual(ids, ['b-consensus-4', 'a-consensus-3', 'c-rpc-1']);
    const warnings = stderr.trimEnd().split('\n');
    assert.equal(warnings.length, 2, stderr);
    for (const line of warnings)
      assert.match(line, /^warning REPORT_UNREADABLE: .*(cut|later)\.json is damaged or of another/);
    const [first] = JSON.parse((await actor('report', '--home', home, '--json')).stdout);
    assert.deepEqual([first.id, first.actor, first.code], ['b-consensus-4', 'consensus', 'ACTOR_STALLED']);
  });

  it('shows the newest report of an actor, or a certain one', async () => {
    assert.match((await actor('report', 'consensus', '--home', home)).stdout, /^actor +consensus, incarnation 4/);
    const { stdout } = await actor('report', '--id', 'a-consensus-3.json', '--home', home);
    for (const part of [
      /^reason +ACTOR_STALLED: silent for 5 s\ufffd\[31m$/m,
      /^memory +heap 34 MB of 1074 MB, external 2\.0 MB, process 300 MB$/m,
      /^ +2026-01-02T03:04:00\.000Z {2}p2p {2}tell vote {2}in hand$/m,
      /^ {2}at y \(z\.ts:1:2\)$/m,
      /^decision +replaced at once$/m,
    ]) {
      assert.match(stdout, part);
    }
    const json = JSON.parse((await actor('report', 'rpc', '--home', home, '--json')).stdout);
    assert.deepEqual(json, {
      ...REPORT,
      time: '2026-01-01T00:00:00.000Z',
      actor: 'rpc',
      incarnation: 1,
      id: 'c-rpc-1',
    });
  });

  it('refuses what is not there, damaged, or outside', async () => {
    for (const [wanted, code] of [
      [['report', 'signer'], 'REPORT_MISSING'],
      [['report', '--id', '../config'], 'REPORT_MISSING'],
      [['report', '--id', 'cut'], 'REPORT_UNREADABLE'],
      [['dead-letters', 'xyz'], 'REPORT_MISSING'],
      [['dead-letters', 'bad'], 'REPORT_UNREADABLE'],
    ] as const) {
      const { code: exit, stderr, stdout } = await actor(...wanted, '--home', home);
      assert.deepEqual([exit, stdout], [1, '']);
      assert.match(stderr, new RegExp(`^error ${code}: `, 'm'));
    }
    const empty = await actor('report', '--home', makeHome('empty').home);
    assert.deepEqual([empty.code, empty.stdout, empty.stderr], [0, 'no crash reports\n', '']);
  });

  it('lists and shows dead letters', async () => {
    const { stdout, stderr } = await actor('dead-letters', '--home', home);
    assert.match(stdout, /\n2026-01-02T03:04:05\.006Z +utility +rpc +ask submit +ACTOR_TRAPPED +abc\n$/);
    assert.match(stderr, /^warning REPORT_UNREADABLE: .*bad\.json/);
    const shown = (await actor('dead-letters', 'abc', '--home', home)).stdout;
    assert.match(shown, /^message +ask submit, from rpc to utility$/m);
    assert.match(shown, /^body\n {2}\{"a":1\}$/m);
    assert.deepEqual(JSON.parse((await actor('dead-letters', 'abc', '--home', home, '--json')).stdout), LETTER);
  });
});
