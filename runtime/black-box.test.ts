import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlackBox, blackBoxMemory, readBlamed, readFigures, readMessages } from './black-box.ts';
import { OP } from './wire.ts';

const NAMES = ['main', 'rpc', 'p2p'];
const message = (type: number, from = 'rpc') => ({ from, op: OP.ask, type, fingerprint: 1_000 + type });

function boxed(): { memory: SharedArrayBuffer; box: BlackBox } {
  const memory = blackBoxMemory();
  return { memory, box: new BlackBox(memory, NAMES) };
}

test('figures of a life are there before its first beat and after each', () => {
  const { memory, box } = boxed();
  assert.equal(readFigures(memory).beats, 0);
  box.beat(5_000, 1.5);
  box.beat(5_250, 1.6);
  const figures = readFigures(memory);
  assert.deepEqual([figures.beats, figures.beat_ms, figures.cpu_s], [2, 5_250, 1.6]);
  assert.ok(figures.heap_bytes > 0 && figures.heapLimit_bytes > figures.heap_bytes);
});

test('memory outside of the heap is counted: buffers, and what WebAssembly has', () => {
  const { memory, box } = boxed();
  box.beat(0, 0);
  const before = readFigures(memory).external_bytes;
  const held = [new Uint8Array(64 << 20), new WebAssembly.Memory({ initial: 1_024 })];
  box.beat(0, 0);
  const grown_mb = (readFigures(memory).external_bytes - before) / 2 ** 20;
  assert.ok(grown_mb >= 127, `${grown_mb} MiB for 128`);
  assert.equal(held.length, 2);
});

test('the last messages are remembered in order, and which were in hand', () => {
  const { memory, box } = boxed();
  for (let type = 0; type < 40; type++) {
    const entry = box.begin(message(type), type);
    if (type % 2 === 0) box.ends(entry);
    else box.waits(entry);
  }
  const messages = readMessages(memory, NAMES);
  assert.equal(messages.length, 32);
  assert.deepEqual(messages[0], { ...message(8), at_ms: 8, inHand: false });
  assert.deepEqual(messages.at(-1), { ...message(39), at_ms: 39, inHand: true });
});

test('the message whose handler runs is to blame for what nobody foresaw', () => {
  const { memory, box } = boxed();
  box.waits(box.begin(message(1), 0));
  box.begin(message(2, 'p2p'), 0);
  assert.equal(readBlamed(memory, NAMES, false), null, 'an error of something else is not its fault');
  assert.equal(readBlamed(memory, NAMES, true)?.type, 2);
  assert.equal(readBlamed(memory, NAMES, true)?.from, 'p2p');
});

test('one that only waits is not to blame', () => {
  const { memory, box } = boxed();
  box.waits(box.begin(message(1), 0));
  assert.equal(readBlamed(memory, NAMES, true), null);
});

test('what the thread itself named is to blame', () => {
  const { memory, box } = boxed();
  const entry = box.begin(message(1), 0);
  box.begin(message(2), 0);
  box.blame(entry);
  assert.equal(readBlamed(memory, NAMES, false)?.type, 1);
  assert.equal(readBlamed(memory, NAMES, true)?.type, 1);
});

test('a death that was ordered is the fault of no message', () => {
  const { memory, box } = boxed();
  box.begin(message(1), 0);
  box.absolve();
  assert.equal(readBlamed(memory, NAMES, true), null);
});
