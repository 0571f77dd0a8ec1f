/** Lengths and upper limits of what is decoded, in bytes. They hold before the network's own limits are known. */
export const HASH_BYTES = 32;
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** A send takes about 250; the room is for messages to come. Bounds what one sender makes others parse. */
export const MAX_TRANSACTION_BYTES = 16_384;

/** A network's max_block_bytes is at most this. */
export const MAX_BLOCK_BYTES = 8_000_000;

/** Of a state trie. An actor's chains and URL are bounded by the genesis file or the transaction that staked it. */
export const MAX_VALUE_BYTES = 524_288;

/** MAX_VALIDATORS signers of 110 bytes each, twice over. */
export const MAX_QC_BYTES = 262_144;

/** MAX_VALIDATORS entries of 125 bytes each, twice over. */
export const MAX_TIMEOUT_CERTIFICATE_BYTES = 262_144;
/** The canonical set of MAX_VALIDATORS: 140 bytes each, and room. */
export const MAX_VALIDATOR_SET_BYTES = 262_144;

/** A header is a QC, at most 32 tree hashes and a kilobyte of the rest. */
export const MAX_HEADER_BYTES = MAX_QC_BYTES + 8_192;
