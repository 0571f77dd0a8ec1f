import { ADDRESS_BYTES } from './address.ts';

export interface Pool {
  readonly name: string;
  /** 20 bytes. */
  readonly address: Uint8Array;
}

/** A pool's address is its name in ASCII, padded with zero bytes to 20. */
function poolAddress(name: string): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES);
  address.set(new TextEncoder().encode(name));
  return address;
}

export const POOL_DAO = poolAddress('DAO');
export const POOL_FEE_COLLECTOR = poolAddress('FeeCollector');

/** All of them. A genesis has each, with amount 0 where its file names none. */
export const POOLS: readonly Pool[] = [
  { name: 'DAO', address: POOL_DAO },
  { name: 'FeeCollector', address: POOL_FEE_COLLECTOR },
  { name: 'AppStakePool', address: poolAddress('AppStakePool') },
  { name: 'ValidatorStakePool', address: poolAddress('ValidatorStakePool') },
  { name: 'ServicerStakePool', address: poolAddress('ServicerStakePool') },
  { name: 'FishermanStakePool', address: poolAddress('FishermanStakePool') },
];
