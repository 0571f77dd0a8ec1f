import { verifyBatch } from './ed25519.ts';
import { unpackSignatures } from './verify-format.ts';

/** One task of the pool: a packed list of signatures in, one byte each (1: valid) out. */
export default function verifyPacked(packed: Uint8Array): Uint8Array {
  return Uint8Array.from(verifyBatch(unpackSignatures(packed)), Number);
}
