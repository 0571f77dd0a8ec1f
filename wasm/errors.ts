/** Codes this module throws, one line each. Documentation is generated from this table. */
export const WASM_ERRORS = {
  KERNEL_FAILED: 'A WebAssembly kernel failed in the midst of its work; the next call gets a new instance of it.',
  KERNEL_MESSAGE_TOO_LONG: 'A message does not fit the memory of the hash kernel (1 MiB).',
  KERNEL_MISSING: 'The compiled WebAssembly kernels are not there: run `npm run build`.',
  PROOF_MALFORMED: 'A trie proof has a wrong size or form; whoever sent it broke the protocol.',
  SEED_INVALID: 'An Ed25519 seed must be exactly 32 bytes.',
  TARGET_INVALID: 'The target of a relay difficulty is a 256-bit number: 32 bytes, big-endian.',
  TRIE_KEY_INVALID: 'A key or path is too short for a trie that uses it unhashed.',
  TRIE_MEMORY_FULL: 'The tries of one kind have reached the limit of their memory; the trie is as it was.',
  TRIE_OPTIONS_INVALID: 'A trie was asked for something that its options exclude.',
  TRIE_RELEASED: 'A trie was used after it had been released.',
  TRIE_VALUE_INVALID: 'An imported leaf holds something else than the digest of a value.',
  TRIE_WEIGHT_INVALID: 'The weight of a leaf is not an unsigned 64-bit number.',
  VERIFY_POOL_CLOSED: 'Signatures were sent to a pool that is shutting down.',
  VERIFY_POOL_FAILED: 'Two threads of the pool died over the same signatures.',
  VERIFY_QUEUE_FULL: 'More signatures wait for verification than the pool accepts.',
} as const;
