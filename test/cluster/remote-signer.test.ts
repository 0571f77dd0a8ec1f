/**
 * A validator whose signer is another process: real processes, a real connection. The first network has this one validator,
 * so that its blocks tell what its signer does; the second has others, whose chain it follows.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { localnetLayout } from '../../cli/localnet/files.ts';
import { prepareNetwork } from '../../cli/localnet/network.ts';
import { type HomeLayout, homeLayout } from '../../config/home.ts';
import { BIN, potoroo, until } from '../support/command.ts';
import { editConfig } from '../support/edit-config.ts';

/** A process of the command line, with what it has written. */
class Command {
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;
  output = '';
  stdout = '';

  constructor(...parameters: string[]) {
    this.#process = spawn(process.execPath, [BIN, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#ended = once(this.#process, 'close').then(([code]) => code as number | null);
    this.#process.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
  }

  says(pattern: RegExp): Promise<RegExpExecArray> {
    return until(`${pattern}`, () => {
      if (this.#process.exitCode !== null) throw new Error(`it ended: ${this.output}`);
      return pattern.exec(this.output) ?? undefined;
    });
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#process.kill(signal);
    return this.#ended;
  }
}

let directory: string;
let node: HomeLayout;
let signer: HomeLayout;
let peerId: string;
let port = 0;
let validator: Command;
let signing: Command;

function serve(allowed = peerId): Command {
  const listen = `127.0.0.1:${port}`;
  return new Command('signer', 'serve', '--home', signer.home, '--listen', listen, '--allow', allowed);
}

async function height(): Promise<number> {
  const response = await fetch(`${readFileSync(node.rpcAddress, 'utf8').trim()}/v1/query/height`);
  return Number(((await response.json()) as { height: number }).height);
}

/** Resolves once the node has committed more blocks. */
async function commits(blocks: number): Promise<void> {
  const goal = (await height()) + blocks;
  await until(`height ${goal}`, async () => ((await height()) >= goal ? true : undefined));
}

async function signerStatus(): Promise<{ verdict: string; height: number }> {
  const { stdout, stderr } = await potoroo('signer', 'status', '--home', signer.home, '--json');
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-remote-'));
  const { nodes } = await prepareNetwork(localnetLayout(directory), { validators: 1, databaseUrl: undefined });
  node = homeLayout(nodes[0]!.home);
  signer = homeLayout(join(directory, 'signer'));
  cpSync(node.home, signer.home, { recursive: true });
  rmSync(node.validatorKey);
  // Any peer id will do until the signer's own is known: the node's side of the connection does not depend on it.
  const stranger = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
  editConfig(node, (config) => ({ ...config, signer: { remote: `/ip4/127.0.0.1/tcp/1/p2p/${stranger}` } }));
  const { stdout } = await potoroo('signer', 'status', '--home', node.home, '--json');
  peerId = JSON.parse(stdout).peer_id;

  signing = serve();
  const [address] = await signing.says(/\/ip4\/127\.0\.0\.1\/tcp\/(\d+)\/p2p\/12D3KooW\w+/);
  port = Number(/tcp\/(\d+)/.exec(address)![1]);
  editConfig(node, (config) => ({ ...config, signer: { remote: address } }));
  validator = new Command('start', '--home', node.home);
  await validator.says(/node .*: rpc http/);
  await commits(2);
});
after(async () => {
  await validator?.end('SIGTERM');
  await signing?.end('SIGTERM');
  rmSync(directory, { recursive: true, force: true });
});

describe('a validator with a remote signer', () => {
  it('commits blocks, while neither key nor record are with the node', () => {
    assert.equal(existsSync(node.validatorKey), false);
    assert.equal(existsSync(join(node.signer, 'record')), false);
  });

  it('stops and goes on with its signer, which is killed and started again', async () => {
    await signing.end('SIGKILL');
    await validator.says(/the remote signer is away/);
    const stopped = await height();
    await sleep(3_000);
    assert.ok((await height()) <= stopped + 1, 'nothing is decided without signatures');
    signing = serve();
    await commits(3);
    assert.equal(await validator.end('SIGTERM'), 0, 'the node stops in order');
    const { verdict, height: signed } = await signerStatus();
    assert.equal(verdict, 'ready');
    assert.ok(signed > stopped);
    validator = new Command('start', '--home', node.home);
    await validator.says(/node .*: rpc http/);
    await commits(2);
  });

  it('is refused by a signer that does not allow it, until it does', async () => {
    assert.equal(await signing.end('SIGINT'), 0, 'Ctrl-C ends it in order');
    signing = serve('12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp');
    await signing.says(/a node that is not allowed was refused/);
    const before = await height();
    await sleep(2_000);
    assert.equal(await height(), before);
    await signing.end('SIGINT');
    signing = serve();
    await commits(2);
  });

  it('does not sign with a record that was put back from a copy', async () => {
    await signing.end('SIGTERM');
    const record = join(signer.signer, 'record');
    cpSync(record, join(directory, 'backup'));
    renameSync(record, join(directory, 'original'));
    cpSync(join(directory, 'backup'), record);
    signing = serve();
    assert.equal(await signing.end('SIGCONT'), 1);
    assert.match(signing.output, /error SIGNER_RECORD_COPIED: .*potoroo signer accept/);
    renameSync(join(directory, 'original'), record);
    signing = serve();
    await commits(1);
  });
});

describe('a validator among others, whose signer is away', () => {
  let folder: string;
  let signerHome: HomeLayout;
  let homes: HomeLayout[];
  const running: Command[] = [];
  after(async () => {
    await Promise.all(running.map((command) => command.end('SIGTERM')));
    rmSync(folder, { recursive: true, force: true });
  });

  const heightOf = async (home: HomeLayout): Promise<number> => {
    const response = await fetch(`${readFileSync(home.rpcAddress, 'utf8').trim()}/v1/query/height`);
    return Number(((await response.json()) as { height: number }).height);
  };
  const reaches = (home: HomeLayout, goal: number): Promise<true> =>
    until(
      `height ${goal}`,
      () =>
        heightOf(home).then(
          (now) => (now >= goal ? true : undefined),
          () => undefined,
        ),
      90_000,
    );
  const start = (home: HomeLayout): Command => {
    const command = new Command('start', '--home', home.home);
    running.push(command);
    return command;
  };
  const served = (listen: string, allowed: string): Command => {
    const command = new Command('signer', 'serve', '--home', signerHome.home, '--listen', listen, '--allow', allowed);
    running.push(command);
    return command;
  };

  it('starts, follows their chain, and takes part again once it is back', async () => {
    folder = mkdtempSync(join(tmpdir(), 'potoroo-remote-'));
    const { nodes } = await prepareNetwork(localnetLayout(folder), { validators: 4, databaseUrl: undefined });
    homes = nodes.map(({ home }) => homeLayout(home));
    const last = homes[3]!;
    signerHome = homeLayout(join(folder, 'signer'));
    cpSync(last.home, signerHome.home, { recursive: true });
    rmSync(last.validatorKey);
    const stranger = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
    editConfig(last, (config) => ({ ...config, signer: { remote: `/ip4/127.0.0.1/tcp/1/p2p/${stranger}` } }));
    const { stdout } = await potoroo('signer', 'status', '--home', last.home, '--json');
    const own = JSON.parse(stdout).peer_id as string;
    const first = served('127.0.0.1:0', own);
    const [address, listening] = await first.says(/\/ip4\/127\.0\.0\.1\/tcp\/(\d+)\/p2p\/12D3KooW\w+/);
    editConfig(last, (config) => ({ ...config, signer: { remote: address } }));
    const processes = homes.map(start);
    await reaches(last, 3);

    await first.end('SIGKILL');
    await processes[3]!.end('SIGKILL');
    const before = await heightOf(homes[0]!);
    const again = start(last);
    await again.says(/this node takes no part in consensus until it is there/);
    await reaches(last, before + 3);

    await served(`127.0.0.1:${listening}`, own).says(/a node is connected/);
    const signedAt = async (): Promise<number> => {
      const status = await potoroo('signer', 'status', '--home', signerHome.home, '--json');
      return JSON.parse(status.stdout).height;
    };
    const returned = await heightOf(last);
    await until('it takes part', async () => ((await signedAt()) > returned + 3 ? true : undefined), 90_000);
  });
});
