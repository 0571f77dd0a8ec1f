/** Codes this module throws, one line each. Documentation is generated from this table. */
export const WASM_ERRORS = {
  SEED_INVALID: 'An Ed25519 seed must be exactly 32 bytes.',
} as const;
