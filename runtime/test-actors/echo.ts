import { spawnSync } from 'node:child_process';
import { defineActor } from '../actor.ts';
import { CodedError } from '../errors.ts';
import { echoProtocol } from './protocols.ts';

/** Answers what it is asked, and dies when it is told to. */
export default defineActor<typeof echoProtocol, object>({
  protocol: echoProtocol,
  uses: [],
  listens: [],
  start(context) {
    const texts: string[] = [];
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
          if (how === 'die') context.fail(new CodedError('ECHO_DIED', 'as asked'));
          if (how === 'exit') process.exit(7);
          if (how === 'hang') for (;;);
          if (how === 'syscall') spawnSync(process.execPath, ['-e', 'setTimeout(() => undefined, 4000)']);
          if (how === 'silent') return new Promise<{ how: string }>(() => undefined);
          return new Promise<{ how: string }>((resolve) => context.clock.after(300, () => resolve({ how })));
        },
      },
      stop: () => undefined,
    };
  },
});
