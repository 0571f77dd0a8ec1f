import { defineProtocol, message, question } from '../protocol.ts';

/** Two small actors that tests of the runtime run: one that does odd things on demand, one that talks to it. */
export const echoProtocol = defineProtocol('echo', {
  tell: { note: message<{ text: string; data: Uint8Array }>('bulk', ['text', 'data']) },
  ask: {
    say: question<{ text: string; amount: bigint }, { text: string; amount: bigint; incarnation: number }>(
      'consensus',
      2_000,
      ['text', 'amount'],
      ['text', 'amount', 'incarnation'],
    ),
    /**
     * `throw` fails the ask; `die…` throws outside of it; `exit` and `leave` end the thread with code 7 and 0; `trap`
     * breaks off a kernel; `heap` and `buffers` take memory; `hang` blocks the thread, `syscall` beyond the reach of a termination; `sleep` answers
     * after 300 ms.
     */
    misbehave: question<{ how: string }, { how: string }>('bulk', 2_000, ['how'], ['how']),
    notes: question<object, { texts: string[]; bytes: number }>('control', 2_000, [], ['texts', 'bytes']),
  },
  emit: { heard: message<{ text: string }>('control', ['text']) },
});

export const callerProtocol = defineProtocol('caller', {
  ask: {
    call: question<
      { text: string; amount: bigint },
      { text: string; amount: bigint; incarnation: number; code: string }
    >('control', 5_000, ['text', 'amount'], ['text', 'amount', 'incarnation', 'code']),
    provoke: question<{ how: string }, { code: string }>('control', 5_000, ['how'], ['code']),
    flood: question<{ messages: number; bytes: number }, { sent: number }>(
      'control',
      20_000,
      ['messages', 'bytes'],
      ['sent'],
    ),
    /** Leaves a note for the next life; answers the one of the last, and who is up. */
    remember: question<{ note: string }, { note: string; peers: string }>(
      'control',
      5_000,
      ['note'],
      ['note', 'peers'],
    ),
    state: question<object, { incarnation: number; heard: string[]; rebound: string[] }>(
      'control',
      5_000,
      [],
      ['incarnation', 'heard', 'rebound'],
    ),
  },
});
