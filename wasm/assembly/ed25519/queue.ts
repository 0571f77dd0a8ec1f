/** Encodings that wait to be decompressed, until they are as many as go together. */
import { decompressNegated, GROUP_MAX } from './decompress';

/** u32 each: where the encoding is, where the cached point goes, and where a byte that tells if it is one. */
const ENCODINGS: usize = memory.data(16, 16);
const TARGETS: usize = memory.data(16, 16);
const VERDICTS: usize = memory.data(16, 16);
let waiting: u32 = 0;

export function enqueue(encoding: usize, target: usize, verdict: usize): void {
  const at = (<usize>waiting) << 2;
  store<u32>(ENCODINGS + at, <u32>encoding);
  store<u32>(TARGETS + at, <u32>target);
  store<u32>(VERDICTS + at, <u32>verdict);
  waiting++;
  if (waiting === GROUP_MAX) flush();
}

export function flush(): void {
  if (waiting === 0) return;
  const valid = decompressNegated(ENCODINGS, TARGETS, waiting);
  for (let i: u32 = 0; i < waiting; i++) store<u8>(load<u32>(VERDICTS + ((<usize>i) << 2)), <u8>((valid >> i) & 1));
  waiting = 0;
}
