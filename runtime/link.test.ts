import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryChannels } from './channel.ts';
import { Link, type LinkEvents, WINDOW } from './link.ts';
import type { Lane } from './protocol.ts';
import { echoProtocol } from './test-actors/protocols.ts';
import { VirtualClock } from './virtual-clock.ts';
import { frameCodec, OP, type WireEnvelope } from './wire.ts';

const LANE: Lane = 'bulk';

/** Two ends in one thread; `receive` is what the second does with a message. */
function pair(receive: (envelope: WireEnvelope, weight: number, finished: (weight: number) => void) => void) {
  const tasks: (() => void)[] = [];
  const schedule = (task: () => void) => tasks.push(task);
  const clock = new VirtualClock();
  const channels = memoryChannels(schedule);
  let dropped = 0;
  const end = (index: 0 | 1, events: Partial<LinkEvents>): Link =>
    new Link({
      peer: index === 0 ? 'b' : 'a',
      own: 1,
      theirs: 1,
      channel: channels[index],
      codec: frameCodec([echoProtocol]),
      clock,
      schedule,
      events: {
        receive: () => undefined,
        acknowledged: () => undefined,
        closed: () => undefined,
        dropped: () => {
          dropped++;
        },
        ...events,
      },
    });
  const a = end(0, {});
  const b: Link = end(1, {
    receive: (envelope, weight) => receive(envelope, weight, (spent) => b.finished(LANE, spent)),
  });
  const drain = () => {
    for (let task = tasks.shift(); task; task = tasks.shift()) task();
  };
  return { a, b, drain, dropped: () => dropped, clock };
}

const tell = (link: Link, bytes: number) => link.tell(OP.tell, 0, LANE, { text: '', data: new Uint8Array(bytes) }, '');

test('credit comes back in full though the handler changes the message', () => {
  let heard = 0;
  const { a, drain, dropped } = pair(({ body }, weight, finished) => {
    heard++;
    (body as { data: Uint8Array | null }).data = null;
    finished(weight);
  });
  const large = WINDOW[LANE].bytes / 4;
  for (let i = 0; i < 40; i++) {
    assert.equal(tell(a, large), true);
    drain();
  }
  assert.equal(heard, 40);
  assert.equal(dropped(), 0);
});

test('what waits for a slow peer is bounded in bytes, not only in number', () => {
  const { a, drain, dropped } = pair(() => undefined);
  drain();
  const large = WINDOW[LANE].bytes / 4;
  let kept = 0;
  while (tell(a, large)) kept++;
  assert.ok(kept * large <= 5 * WINDOW[LANE].bytes, `${kept} messages of ${large} bytes kept`);
  assert.equal(dropped(), 1);
  assert.equal(a.ready, false);
});

test('both windows full, and neither end hears the other until it has finished: all arrives in the end', () => {
  const backlog: (() => void)[] = [];
  const { a, drain } = pair((_, weight, finished) => backlog.push(() => finished(weight)));
  let accepted = 0;
  while (tell(a, 1_000)) accepted++;
  drain();
  let handled = 0;
  for (let next = backlog.shift(); next; next = backlog.shift()) {
    next();
    handled++;
    drain();
  }
  assert.equal(handled, accepted);
  assert.equal(a.ready, true);
});

test('an open ask fails when the link closes, and its timer with it', async () => {
  const { a, b, drain, clock } = pair(() => undefined);
  const asked = a.ask(OP.ask, 0, LANE, { text: '' }, { timeout_ms: 1_000, trace: '' });
  drain();
  b.close();
  drain();
  await assert.rejects(asked, { code: 'ACTOR_RESTARTED' });
  assert.equal(clock.next(), undefined);
});
