/**
 * The text of a bytea[] value: pass it as a text parameter and cast, `${byteaArray(list)}::text::bytea[]`
 * (postgres.js cannot infer arrays of bytes).
 */
export function byteaArray(list: readonly Uint8Array[]): string {
  return `{${list.map((bytes) => `"\\\\x${hexOf(bytes)}"`).join(',')}}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
