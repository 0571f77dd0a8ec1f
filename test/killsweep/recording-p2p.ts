/** The p2p actor of the observer's validators: the node's own, and every consensus message is written down. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Registry } from 'prom-client';
import type { P2pStart } from '../../actors/pocket/p2p/config.ts';
import p2p from '../../actors/pocket/p2p/index.ts';
import type { P2pProtocol } from '../../actors/pocket/p2p/protocol.ts';
import { defineActor } from '../../runtime/actor.ts';
import type { EndLine, RecordLine } from './record-line.ts';
import { readMessage } from './statement.ts';

/** Environment variable with the file to append to. */
export const STATEMENTS_FILE = 'POTOROO_STATEMENTS';

export default defineActor<P2pProtocol, P2pStart>({
  ...p2p,
  async start(context) {
    // Appended with one call a line: three threads share the file, and the system keeps their lines apart.
    const fd = openSync(process.env[STATEMENTS_FILE]!, 'a');
    const heard_by = Number(/node-(\d+)/.exec(context.config.p2p.key_file)?.[1]);
    let recorded = 0;
    const record = (from: Uint8Array, message: Uint8Array): void => {
      writeSync(fd, `${JSON.stringify(lineOf(heard_by, from, message))}\n`);
      recorded++;
    };
    const behaviour = await p2p.start({
      ...context,
      emit(type, body, trace) {
        // Before consensus gets it: what kills this process afterwards cannot hide it.
        if (type === 'consensusMessage') {
          const { from, message } = body as { from: Uint8Array; message: Uint8Array };
          record(from, message);
        }
        context.emit(type, body, trace);
      },
    });
    return {
      ...behaviour,
      async stop() {
        await behaviour.stop();
        const end: EndLine = { end: true, heard_by, recorded, dropped: await droppedBy(context.metrics) };
        writeSync(fd, `${JSON.stringify(end)}\n`);
        closeSync(fd);
      },
    };
  },
});

function lineOf(heard_by: number, from: Uint8Array, message: Uint8Array): RecordLine {
  const { statement } = readMessage(message);
  const { type, height, round, step, blockHash, justifyHash, signature } = statement;
  return {
    time: new Date().toISOString(),
    heard_by,
    sender: Buffer.from(from).toString('hex'),
    type,
    height: height.toString(),
    round,
    step,
    block_hash: blockHash,
    justify_hash: justifyHash,
    signature,
    message: Buffer.from(message).toString('base64'),
  };
}

async function droppedBy(metrics: Registry): Promise<number> {
  const metric = await metrics.getSingleMetric('potoroo_p2p_dropped_total')?.get();
  const values = metric?.values as { labels: { what?: string }; value: number }[] | undefined;
  return (values ?? [])
    .filter(({ labels }) => labels.what === 'consensus_in')
    .reduce((sum, { value }) => sum + value, 0);
}
