import './promise-with-resolvers.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { VirtualClock } from '../runtime/virtual-clock.ts';
import { encodeFrame } from './frame.ts';
import { FramedStream } from './framed-stream.ts';

/** A stream whose other end is the test. */
class FakeStream extends EventTarget {
  status = 'open';
  writeStatus = 'writable';
  writableNeedsDrain = false;
  readonly sent: number[] = [];
  /** Slices it takes before it says stop. */
  room = 3;

  send(data: Uint8Array): boolean {
    this.sent.push(data.length);
    this.writableNeedsDrain = --this.room <= 0;
    return !this.writableNeedsDrain;
  }

  drain(room: number): void {
    this.room = room;
    this.writableNeedsDrain = false;
    this.dispatchEvent(new Event('drain'));
  }

  abort(): void {
    this.status = 'aborted';
    this.writeStatus = 'closed';
    this.dispatchEvent(new StreamCloseEvent(true));
  }

  receive(bytes: Uint8Array): void {
    this.dispatchEvent(new StreamMessageEvent(bytes));
  }
}

function framed(clock = new VirtualClock(0)) {
  const stream = new FakeStream();
  const heard: string[] = [];
  const framed = new FramedStream(stream as unknown as Stream, 1_000, clock, {
    frame: ({ kind }) => {
      heard.push(`frame ${kind}`);
      if (kind === 99) throw new Error('a frame that the owner cannot take');
    },
    writable: () => heard.push('writable'),
    broken: (offence) => heard.push(offence),
    closed: () => heard.push('closed'),
  });
  return { stream, heard, framed, clock };
}

const pass = async (clock: VirtualClock, duration_ms: number): Promise<void> => {
  const end = clock.now() + duration_ms;
  for (let due = clock.next(); due !== undefined && due <= end; due = clock.next()) clock.step();
  clock.moveTo(end);
};

describe('a framed stream', () => {
  it('gives up on a frame that trickles in, and only on that', async () => {
    const { stream, heard, clock } = framed();
    const frame = encodeFrame(1, new Uint8Array(500));
    for (let at = 0; at < 500; at += 100) {
      stream.receive(frame.subarray(at, at + 100));
      await pass(clock, 3_000);
    }
    stream.receive(frame.subarray(500));
    assert.deepEqual(heard, ['frame 1']);
    await pass(clock, 100_000);
    for (let at = 0; at < 30 && stream.status === 'open'; at++) {
      stream.receive(frame.subarray(at, at + 1));
      await pass(clock, 1_000);
    }
    assert.deepEqual(heard, ['frame 1', 'closed', 'frame_timeout']);
    assert.equal(stream.status, 'aborted');
  });

  it('writes a large frame as the stream takes it', async () => {
    const { stream, heard, framed: writer } = framed();
    writer.write(new Uint8Array(5 * 65_536 + 10));
    assert.equal(stream.sent.length, 3);
    assert.equal(writer.writable, false);
    stream.drain(2);
    assert.equal(stream.sent.length, 5);
    stream.drain(9);
    await Promise.resolve();
    assert.equal(
      stream.sent.reduce((sum, bytes) => sum + bytes),
      5 * 65_536 + 10,
    );
    assert.deepEqual(heard, ['writable']);
    assert.equal(writer.writable, true);
  });

  it('is reset, and throws nothing, when its owner cannot take a frame', () => {
    const { stream, heard } = framed();
    stream.receive(encodeFrame(99, new Uint8Array(1)));
    assert.deepEqual(heard, ['frame 99', 'closed', 'frame_malformed']);
    stream.receive(encodeFrame(1, new Uint8Array(1)));
    assert.equal(heard.length, 3);
  });
});
