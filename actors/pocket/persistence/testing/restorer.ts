/**
 * A process that restores a snapshot, for tests that kill it: `restorer.js URL SCHEMA SNAPSHOTS SOURCE HEIGHT GENESIS`.
 * SOURCE is the snapshot directory of the node that made it; each line of the output is a step that is done.
 */
import { readFileSync } from 'node:fs';
import { SnapshotStore } from '../io/snapshot-store.ts';
import { startActor } from './harness.ts';

const [url, schema, snapshots, source, height, genesisFile] = process.argv.slice(2);
if (url === undefined || source === undefined || height === undefined || genesisFile === undefined) {
  throw new Error('restorer.js URL SCHEMA SNAPSHOTS SOURCE HEIGHT GENESIS');
}
const store = new SnapshotStore(source);
await store.open();
const actor = await startActor(url, {
  ...(schema === undefined ? {} : { schema }),
  ...(snapshots === undefined ? {} : { snapshots }),
  genesis: readFileSync(genesisFile, 'utf8'),
  timeout_ms: 60_000,
});
const manifest = await store.manifest(BigInt(height));
if (manifest === null) throw new Error(`no snapshot of height ${height}`);
const { missing } = await actor.ask.restoreBegin({ manifest });
console.log('begun');
for (const index of missing) {
  const chunk = await store.chunk(BigInt(height), index);
  if (chunk === null) throw new Error(`no chunk ${index}`);
  await actor.ask.restoreChunk({ index, chunk });
  console.log(`chunk ${index}`);
}
console.log('ending');
await actor.ask.restoreEnd({});
console.log('ended');
await actor.stop();
