import { defineActor, listen } from '../actor.ts';
import { toErrorRecord } from '../errors.ts';
import { mainProtocol } from '../main-protocol.ts';
import { callerProtocol, echoProtocol } from './protocols.ts';

interface CallerConfig {
  /** The life in which it makes `echo` die while it gets ready itself, and waits for it then if it is `patient`. */
  readonly assassinIn?: number;
  readonly patient?: boolean;
  /** Never gets ready. */
  readonly late?: boolean;
}

/** Talks to `echo` on behalf of a test and reports what came of it. */
export default defineActor<typeof callerProtocol, CallerConfig>({
  protocol: callerProtocol,
  uses: [echoProtocol, mainProtocol],
  listens: [echoProtocol],
  start(context) {
    const echo = context.peer(echoProtocol);
    const main = context.peer(mainProtocol);
    const heard: string[] = [];
    const rebound: string[] = [];
    return {
      tell: {},
      ask: {
        async call({ text, amount }) {
          try {
            const reply = await echo.ask('say', { text, amount });
            return { ...reply, code: '' };
          } catch (error) {
            return { text: '', amount: 0n, incarnation: 0, code: toErrorRecord(error).code };
          }
        },
        async provoke({ how }) {
          try {
            await echo.ask('misbehave', { how });
            return { code: '' };
          } catch (error) {
            return { code: toErrorRecord(error).code };
          }
        },
        flood({ messages, bytes }) {
          let sent = 0;
          for (let i = 0; i < messages; i++) {
            if (echo.tell('note', { text: `n${i}`, data: new Uint8Array(bytes) })) sent++;
          }
          return { sent };
        },
        async remember({ note }) {
          const kept = await main.ask('kept', {});
          const { actors } = await main.ask('status', {});
          await main.ask('keep', { note: Buffer.from(note) });
          return {
            note: Buffer.from(kept.note ?? []).toString(),
            peers: actors.map(({ name, phase }) => `${name} ${phase}`).join(', '),
          };
        },
        state: () => ({ incarnation: context.incarnation, heard, rebound }),
      },
      parallel: { control: 16 },
      on: listen(echoProtocol, {
        heard({ text }) {
          if (heard.length < 10_000) heard.push(text);
        },
      }),
      async ready() {
        const { assassinIn, patient, late } = context.config;
        if (late) await new Promise(() => undefined);
        if (context.incarnation !== assassinIn) return;
        await echo.ask('misbehave', { how: 'die' }).catch(() => undefined);
        for (let isBack = !patient; !isBack; ) {
          isBack = await echo.ask('say', { text: '', amount: 0n }).then(
            () => true,
            () => false,
          );
          await new Promise<void>((resolve) => context.clock.after(10, resolve));
        }
      },
      rebound: (peer) => rebound.push(peer),
      stop: () => undefined,
    };
  },
});
