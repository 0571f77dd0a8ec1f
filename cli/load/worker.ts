import { parentPort, workerData } from 'node:worker_threads';
import { toErrorRecord } from '../../runtime/errors.ts';
import { LoadDriver, type LoadOptions } from './driver.ts';
import type { LoadNotice, LoadOrder } from './load.ts';

/** The thread that generates load: signing takes time that the live table and the control socket need. */
const PROGRESS_ms = 500;

const port = parentPort!;
const driver = new LoadDriver(workerData as LoadOptions);
const say = (notice: LoadNotice): void => port.postMessage(notice);

port.on('message', (order: LoadOrder) => {
  if (order === 'halt') driver.halt();
  else {
    clearInterval(timer);
    driver.close();
    say({ kind: 'result', figures: driver.figures(), accepted: driver.acceptedHashes() });
    port.close();
  }
});
const timer = setInterval(() => say({ kind: 'progress', figures: driver.figures() }), PROGRESS_ms);
driver.start().then(
  () => say({ kind: 'progress', figures: driver.figures() }),
  (error: unknown) => say({ kind: 'failed', error: toErrorRecord(error) }),
);
