import { publicKeyOf, sign } from '../../../wasm/ed25519.ts';
import { ACTOR_VALIDATOR, type Actor, NO_HEIGHT } from './actor.ts';
import { addressOf } from './address.ts';
import { BLOCK_VERSION, bodyRoot, type Header } from './block.ts';
import { type QuorumCertificate, voteSignBytes } from './consensus.ts';
import { compareBytes } from './hex.ts';
import type { Validator } from './validators.ts';

/** Samples for tests, of this folder and of the actors. */

export const TEST_NETWORK = 'testnet';

export interface TestValidator extends Actor, Validator {
  seed: Uint8Array;
}

/** Validators with keys made of their number, by ascending address. */
export function testValidators(count: number): TestValidator[] {
  const validators = Array.from({ length: count }, (_, i) => testValidator(i + 1));
  return validators.sort((a, b) => compareBytes(a.address, b.address));
}

function testValidator(number: number): TestValidator {
  const seed = new Uint8Array(32).fill(number);
  const publicKey = publicKeyOf(seed);
  const address = addressOf(publicKey);
  return {
    type: ACTOR_VALIDATOR,
    address,
    publicKey,
    seed,
    chains: [],
    serviceUrl: `validator${number}:42069`,
    stakedAmount: 15_000_000_000n,
    pausedHeight: NO_HEIGHT,
    unstakingHeight: NO_HEIGHT,
    output: address,
    missedBlocks: 0n,
    punishedHeight: 0n,
    power: 1n,
  };
}

/** A QC that these validators signed. */
export function testQc(
  signers: readonly TestValidator[],
  vote: { height: bigint; round: number; step: number; blockHash: Uint8Array },
): QuorumCertificate {
  const signed = voteSignBytes({ networkId: TEST_NETWORK, ...vote });
  return { ...vote, signatures: signers.map(({ address, seed }) => ({ address, signature: sign(seed, signed) })) };
}

/** A complete header of height 2 over these transactions. */
export function testHeader(transactions: readonly Uint8Array[] = []): Header {
  const hash = (byte: number) => new Uint8Array(32).fill(byte);
  return {
    height: 2n,
    networkId: TEST_NETWORK,
    stateHash: hash(0x33),
    prevStateHash: hash(0x44),
    proposerAddress: new Uint8Array(20).fill(0x11),
    quorumCertificate: Uint8Array.of(1, 2),
    timestamp_ms: 1_769_860_800_500n,
    stateTreeHashes: [
      { name: 'account', root: hash(0x55) },
      { name: 'pool', root: hash(0x66) },
    ],
    valSetHash: hash(0x77),
    nextValSetHash: hash(0x88),
    version: BLOCK_VERSION,
    parentHash: hash(0x99),
    bodyRoot: bodyRoot(transactions),
  };
}
