import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { CodedError, hasCode } from '../runtime/errors.ts';
import { giveOrderTo, type OrderServer, serveOrders } from './order-socket.ts';

const schema = z.strictObject({ say: z.string() });
const absent = (): CodedError => new CodedError('ABSENT', 'nobody listens');
const options = { timeout_ms: 30_000, absent };

let directory: string;
let server: OrderServer;
let release: () => void;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-order-'));
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wanted = join(directory, 'x.sock');
  // What a killed process left.
  writeFileSync(wanted, '');
  server = await serveOrders({
    wanted,
    schema,
    obey: async ({ say }) => {
      if (say === 'fail') throw new CodedError('REFUSED', 'not now');
      if (say === 'wait') await held;
      return say === 'nothing' ? undefined : { heard: say };
    },
  });
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const say = (text: string): Promise<unknown> => giveOrderTo(server.path, { say: text }, options);

async function open(): Promise<Socket> {
  const socket = connect(server.path);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends text and collects the answer until the other end closes. */
async function send(text: string): Promise<string> {
  const socket = await open();
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

describe('an order socket', () => {
  it('is for its owner only, and nothing else lies beside it', () => {
    assert.equal(statSync(server.path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(directory), ['x.sock']);
  });

  it('answers with the result or the error', async () => {
    assert.deepEqual(await say('hello'), { heard: 'hello' });
    assert.equal(await say('nothing'), null);
    await assert.rejects(say('fail'), (error) => hasCode(error, 'REFUSED') && /not now/.test(String(error)));
  });

  it('answers others while one order takes its time', async () => {
    const slow = say('wait');
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(say)), [{ heard: 'a' }, { heard: 'b' }, { heard: 'c' }]);
    release();
    assert.deepEqual(await slow, { heard: 'wait' });
  });

  it('goes on whatever is sent', async () => {
    for (const nonsense of ['\n', 'x\n', '{}\n', '[]\n', '{"say":1}\n', '{"say":"a","more":1}\n', '\u0000\n']) {
      assert.match(await send(nonsense), /^\{"ok":false,"code":"ORDER_MALFORMED"/, JSON.stringify(nonsense));
    }
    assert.match(await send('x'.repeat(200_000)), /ORDER_MALFORMED/);
    // Gone before the order, in the middle of it, and before the answer.
    for (const part of ['', '{"say"', '{"say":"hello"}\n']) (await open()).end(part).destroy();
    assert.deepEqual(await say('hello'), { heard: 'hello' });
  });

  it('ends a connection on which nothing comes', async () => {
    assert.match(await send(''), /"ORDER_TIMEOUT"/);
  });

  it('refuses more clients than it has room for, and has room again', async () => {
    const silent = await Promise.all(Array.from({ length: 40 }, open));
    await assert.rejects(say('hello'), (error) => hasCode(error, 'ORDER_UNANSWERED'));
    for (const socket of silent) socket.destroy();
    for (let tries = 0; ; tries++) {
      const answer = await say('hello').catch((error: unknown) => error);
      if (!hasCode(answer, 'ORDER_UNANSWERED') || tries === 1_000) {
        assert.deepEqual(answer, { heard: 'hello' });
        break;
      }
    }
  });
});

describe('the place of an order socket', () => {
  const echo = (wanted: string) => serveOrders({ wanted, schema, obey: async (order) => order });

  it('is elsewhere where the path is too long, the same each time, and gone afterwards', async () => {
    const deep = join(directory, 'd'.repeat(90));
    mkdirSync(deep);
    const first = await echo(join(deep, 'x.sock'));
    assert.notEqual(dirname(first.path), deep);
    assert.equal(statSync(dirname(first.path)).mode & 0o777, 0o700);
    // As after a kill: nobody removed the first.
    const second = await echo(join(deep, 'x.sock'));
    assert.equal(second.path, first.path);
    assert.deepEqual(await giveOrderTo(second.path, { say: 'a' }, options), { say: 'a' });
    first.close();
    second.close();
    assert.equal(existsSync(dirname(first.path)), false);
  });

  it('is missed with the error of the caller', async () => {
    const one = await echo(join(directory, 'y.sock'));
    one.close();
    await assert.rejects(giveOrderTo(one.path, { say: 'a' }, options), (error) => hasCode(error, 'ABSENT'));
    await assert.rejects(echo(join(directory, 'none', 'x.sock')), (error) => hasCode(error, 'ENOENT'));
  });
});
