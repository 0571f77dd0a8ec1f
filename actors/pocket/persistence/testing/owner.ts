/** A process that owns an embedded server, for tests that kill it: `owner.js HOME STATE_FOLDER`. */
import { pino } from 'pino';
import { startEmbedded } from '../io/embedded.ts';

const [home, stateFolder] = process.argv.slice(2);
if (home === undefined || stateFolder === undefined) throw new Error('owner.js HOME STATE_FOLDER');
try {
  const { url, pid, stop } = await startEmbedded({ home, stateFolder, log: pino({ level: 'silent' }) });
  console.log(JSON.stringify({ url, pid }));
  process.stdin.resume();
  process.stdin.on('end', () => {
    void stop().then(() => process.exit(0));
  });
} catch (error) {
  console.log(JSON.stringify({ code: (error as { code?: string }).code, message: (error as Error).message }));
}
