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

/** What the validators have staked. */
export const POOL_VALIDATOR_STAKE = poolAddress('ValidatorStakePool');

/** All of them. */
export const POOLS: readonly Pool[] = [
  { name: 'DAO', address: POOL_DAO },
  { name: 'FeeCollector', address: POOL_FEE_COLLECTOR },
  { name: 'AppStakePool', address: poolAddress('AppStakePool') },
  { name: 'ValidatorStakePool', address: POOL_VALIDATOR_STAKE },
  { name: 'ServicerStakePool', address: poolAddress('ServicerStakePool') },
  { name: 'FishermanStakePool', address: poolAddress('FishermanStakePool') },
];
