import { spawnSync } from 'node:child_process';
import { defineActor } from '../actor.ts';
import { CodedError } from '../errors.ts';
import { echoProtocol } from './protocols.ts';

/** A kernel that does one thing: `unreachable`. */
function trap(): void {
  const kernel = Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11,
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(kernel));
  (exports as { f: () => void }).f();
}

/** Answers what it is asked, and dies when it is told to. */
export default defineActor<typeof echoProtocol, object>({
  protocol: echoProtocol,
  uses: [],
  listens: [],
  start(context) {
    const texts: string[] = [];
    const hoarded: Uint8Array[] = [];
    let bytes = 0;
    return {
      tell: {
        note({ text, data }) {
          if (texts.length < 10_000) texts.push(text);
          bytes += data.byteLength;
          context.emit('heard', { text });
        },
      },
      ask: {
        say: ({ text, amount }) => ({ text, amount, incarnation: context.incarnation }),
        notes: () => ({ texts, bytes }),
        misbehave({ how }) {
          if (how === 'throw') throw new CodedError('ECHO_REFUSED', 'as asked', { how });
          // A request that kills twice is not let in a third time: what follows makes it another one.
          if (how.startsWith('die')) context.fail(new CodedError('ECHO_DIED', 'as asked'));
          if (how === 'exit') process.exit(7);
          if (how === 'leave') process.exit(0);
          if (how === 'trap') trap();
          if (how === 'heap') for (const hoard: object[] = []; ; ) hoard.push({ bytes: new Array(100).fill(how) });
          if (how === 'buffers') for (let i = 0; i < 8; i++) hoarded.push(new Uint8Array(64 << 20));
          if (how === 'hang') for (;;);
          if (how === 'syscall') spawnSync(process.execPath, ['-e', 'setTimeout(() => undefined, 4000)']);
          if (how === 'silent' || how === 'buffers') return new Promise<{ how: string }>(() => undefined);
          return new Promise<{ how: string }>((resolve) => context.clock.after(300, () => resolve({ how })));
        },
      },
      stop: () => undefined,
    };
  },
});
