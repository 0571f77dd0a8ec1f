import { CodedError } from '../../../../runtime/errors.ts';
import type { Genesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { POOLS } from '../../chain/pools.ts';

/**
 * Most transactions of one block, on any network. With 100 µs for a signature a full block verifies in about a
 * second on one core, well inside a round's timeout.
 */
export const MAX_BLOCK_TRANSACTIONS = 10_000;

/** What of a network the ledger goes by. The same on all its nodes. */
export interface LedgerRules {
  readonly networkId: string;
  readonly maxBlockBytes: number;
  readonly txWindowBlocks: bigint;
  readonly allowV1Transactions: boolean;
  /** uPOKT that a send costs. */
  readonly sendFee: bigint;
  /** Whole percent of a block's fees that its proposer gets; the rest is the DAO's. */
  readonly proposerPercentage: bigint;
  /** Hex addresses that nobody can sign for. */
  readonly poolAddresses: ReadonlySet<string>;
}

/** @throws CodedError UTILITY_PARAM_INVALID, and those of the validator set */
export function ledgerRules(genesis: Genesis): LedgerRules {
  return {
    networkId: genesis.networkId,
    maxBlockBytes: genesis.maxBlockBytes,
    txWindowBlocks: BigInt(genesis.txWindowBlocks),
    allowV1Transactions: genesis.allowV1Transactions,
    sendFee: whole(genesis, 'message_send_fee', 2n ** 64n),
    proposerPercentage: whole(genesis, 'proposer_percentage_of_fees', 100n),
    poolAddresses: new Set(POOLS.map(({ address }) => toHex(address))),
  };
}

function whole(genesis: Genesis, name: string, limit: bigint): bigint {
  const text = genesis.params.get(name) ?? '';
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : -1n;
  if (value >= 0n && value <= limit) return value;
  throw new CodedError(
    'UTILITY_PARAM_INVALID',
    `The genesis parameter ${name} is "${text.slice(0, 40)}"; write a whole number from 0 to ${limit}.`,
    { name },
  );
}
