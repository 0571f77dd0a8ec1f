import { publicKeyOf } from '../../../../wasm/ed25519.ts';
import { addressOf } from '../../chain/address.ts';
import { toHex } from '../../chain/hex.ts';
import { signTransaction, type UnsignedTransaction } from '../../chain/transaction.ts';

/** A key for tests, made from a small number. */
export interface TestKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly address: Uint8Array;
  readonly hex: string;
}

export function testKey(n: number): TestKey {
  const seed = new Uint8Array(32).fill(n);
  const publicKey = publicKeyOf(seed);
  const address = addressOf(publicKey);
  return { seed, publicKey, address, hex: toHex(address) };
}

export const NETWORK = 'test-1';

/** Signed bytes of a send. */
export function send(
  from: TestKey,
  to: Uint8Array,
  amount: bigint,
  nonce: string,
  rest: Partial<UnsignedTransaction> = {},
): Uint8Array {
  const message = { type: 'utility.MessageSend' as const, from: from.address, to, amount };
  return signTransaction({ message, nonce, networkId: NETWORK, validUntilHeight: 10n, ...rest }, from.seed).bytes;
}

/** Text of a genesis file with these validators and balances. */
export function genesisText(validators: readonly TestKey[], balances: readonly [TestKey, bigint][], rest = {}): string {
  return JSON.stringify({
    genesis_time: '2026-01-01T00:00:00.000Z',
    chain_id: NETWORK,
    max_block_bytes: 100_000,
    block_interval_ms: 500,
    empty_block_interval_ms: 1_000,
    tx_window_blocks: 20,
    allow_v1_transactions: false,
    pools: [],
    accounts: balances.map(([{ hex }, amount]) => ({ address: hex, amount: String(amount) })),
    applications: [],
    validators: validators.map(({ hex, publicKey }) => ({
      actor_type: 4,
      address: hex,
      public_key: toHex(publicKey),
      chains: [],
      service_url: 'localhost:1',
      staked_amount: '15000000000',
      paused_height: -1,
      unstaking_height: -1,
      output: hex,
    })),
    servicers: [],
    fishermen: [],
    params: {},
    ...rest,
  });
}
