import { createHmac } from 'node:crypto';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import { publicKeyOf } from '../../wasm/ed25519.ts';

/**
 * Many senders, because a mempool bounds what one sender may have pending; fewer than the 256 private keys
 * that the signing code keeps parsed.
 */
const LOAD_ACCOUNTS = 200;

export interface LoadAccount {
  readonly seed: Uint8Array;
  /** 20 bytes. */
  readonly address: Uint8Array;
}

/** The accounts that load is sent between, derived from the one seed that is kept. */
export function loadAccounts(seed: Uint8Array): LoadAccount[] {
  return Array.from({ length: LOAD_ACCOUNTS }, (_, index) => {
    const own = createHmac('sha256', seed).update(`load account ${index}`).digest();
    return { seed: own, address: addressOf(publicKeyOf(own)) };
  });
}
