/** Copies few bytes, less than a block of a hash. V8 calls out for a memory.copy, which takes longer than they do. */
export function copyShort(target: usize, source: usize, bytes: usize): void {
  const end = source + bytes;
  for (; source + 8 <= end; source += 8) {
    store<u64>(target, load<u64>(source));
    target += 8;
  }
  for (; source < end; source++) store<u8>(target++, load<u8>(source));
}
