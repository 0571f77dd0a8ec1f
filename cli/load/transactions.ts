import { randomBytes } from 'node:crypto';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { signTransaction } from '../../actors/pocket/chain/transaction.ts';
import { type LoadAccount, loadAccounts } from './accounts.ts';

/** Nodes differ by some blocks; what the fastest allows, the slowest must not find too far ahead. */
const WINDOW_MARGIN_BLOCKS = 50n;

export interface SignedTransaction {
  /** Hex. */
  readonly hash: string;
  readonly bytes: string;
}

/** An endless supply of small payments, round and round between the accounts: none of them runs dry. */
export class TransactionSource {
  readonly #accounts: LoadAccount[];
  readonly #networkId: string;
  readonly #window: bigint;
  /** Makes the nonces of this run different from those of all others. */
  readonly #run = randomBytes(6).toString('hex');
  #count = 0;

  constructor(parts: { seed: Uint8Array; networkId: string; txWindowBlocks: number }) {
    this.#accounts = loadAccounts(parts.seed);
    this.#networkId = parts.networkId;
    const window = BigInt(parts.txWindowBlocks);
    this.#window = window > 2n * WINDOW_MARGIN_BLOCKS ? window - WINDOW_MARGIN_BLOCKS : (window + 1n) / 2n;
  }

  /** @param height latest committed height that is known */
  next(height: bigint): SignedTransaction {
    const index = this.#count++;
    const from = this.#accounts[index % this.#accounts.length]!;
    const to = this.#accounts[(index + 1) % this.#accounts.length]!;
    const { bytes, hash } = signTransaction(
      {
        message: { type: 'utility.MessageSend', from: from.address, to: to.address, amount: 1n },
        nonce: `${this.#run}-${index}`,
        networkId: this.#networkId,
        validUntilHeight: height + this.#window,
      },
      from.seed,
    );
    return { hash: toHex(hash), bytes: toHex(bytes) };
  }
}
