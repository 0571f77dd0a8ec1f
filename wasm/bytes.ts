/** True if both hold the same bytes. Native: what is compared may be a whole block. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
