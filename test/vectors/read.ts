import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The content of a file of vectors, compressed or not. @throws what the file system or the parser says */
export function readVectors(file: string | URL): object {
  const data = readFileSync(file);
  const content: unknown = JSON.parse((String(file).endsWith('.gz') ? gunzipSync(data) : data).toString());
  if (typeof content !== 'object' || content === null) throw new Error('not an object: these are no vectors');
  return content;
}
