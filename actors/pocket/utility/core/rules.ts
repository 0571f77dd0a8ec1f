import { CodedError } from '../../../../runtime/errors.ts';
import { ACTOR_VALIDATOR } from '../../chain/actor.ts';
import { type Genesis, maxValidators } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { feeParam, type Message } from '../../chain/messages.ts';
import { POOL_VALIDATOR_STAKE, POOLS } from '../../chain/pools.ts';
import { MAX_VALIDATORS } from '../../chain/validators.ts';

/**
 * Most transactions of one block, on any network. With 100 µs for a signature a full block verifies in about a
 * second on one core, well inside a round's timeout.
 */
export const MAX_BLOCK_TRANSACTIONS = 10_000;

/** Validators that may be staked at once: half of them may be paused or leaving. The ledger looks at all of them in every block. */
const MAX_STAKED_VALIDATORS = 2 * MAX_VALIDATORS;

/** What holds for the staked actors of one type. */
export interface StakingRules {
  /** Hex address of the pool that holds the stakes. */
  readonly pool: string;
  /** uPOKT. */
  readonly minimumStake: bigint;
  /** From the wish to leave until the stake is paid out. */
  readonly unstakingBlocks: bigint;
  readonly minimumPauseBlocks: bigint;
  /** Who is paused for longer begins to leave. */
  readonly maxPauseBlocks: bigint;
  readonly maxChains: number;
  /** Most that may be staked at once. */
  readonly maxActors: number;
}

/** The actor types that can be staked, by their names in parameters. The others of the published network are not built. */
const STAKED_TYPES = [
  {
    type: ACTOR_VALIDATOR,
    name: 'validator',
    pool: POOL_VALIDATOR_STAKE,
    maxChains: 0,
    maxActors: MAX_STAKED_VALIDATORS,
  },
] as const;

/** What of a network the ledger goes by. The same on all its nodes. */
export interface LedgerRules {
  readonly networkId: string;
  readonly maxBlockBytes: number;
  readonly txWindowBlocks: bigint;
  readonly allowV1Transactions: boolean;
  /** uPOKT that a message costs, by the name of its parameter. */
  readonly fees: ReadonlyMap<string, bigint>;
  /** Whole percent of a block's fees that its proposer gets; the rest is the DAO's. */
  readonly proposerPercentage: bigint;
  /** Most validators that decide one height. */
  readonly validatorLimit: number;
  /** By actor type. */
  readonly staking: ReadonlyMap<number, StakingRules>;
  /** Blocks in a row that a validator may miss, and the one that is too many. */
  readonly maximumMissedBlocks: bigint;
  /** Whole percent of the stake. */
  readonly missedBlocksBurnPercentage: bigint;
  /** Whole percent of the stake. */
  readonly doubleSignBurnPercentage: bigint;
  /** Heights after the offence at which evidence still counts. */
  readonly maxEvidenceAge: bigint;
  /** Hex addresses that nobody can sign for. */
  readonly poolAddresses: ReadonlySet<string>;
}

/** @throws CodedError UTILITY_PARAM_INVALID */
export function ledgerRules(genesis: Genesis): LedgerRules {
  const txWindowBlocks = BigInt(genesis.txWindowBlocks);
  // The replay window must remember evidence for as long as it may come.
  const maxEvidenceAge = whole(genesis, 'validator_max_evidence_age_in_blocks', { max: txWindowBlocks });
  return {
    networkId: genesis.networkId,
    maxBlockBytes: genesis.maxBlockBytes,
    txWindowBlocks,
    allowV1Transactions: genesis.allowV1Transactions,
    fees: fees(genesis),
    proposerPercentage: whole(genesis, 'proposer_percentage_of_fees', { max: 100n }),
    validatorLimit: maxValidators(genesis),
    staking: new Map(STAKED_TYPES.map((row) => [row.type, stakingRulesOf(genesis, row, maxEvidenceAge)])),
    maximumMissedBlocks: whole(genesis, 'validator_maximum_missed_blocks', { min: 1n }),
    missedBlocksBurnPercentage: whole(genesis, 'missed_blocks_burn_percentage', { max: 100n }),
    doubleSignBurnPercentage: whole(genesis, 'double_sign_burn_percentage', { max: 100n }),
    maxEvidenceAge,
    poolAddresses: new Set(POOLS.map(({ address }) => toHex(address))),
  };
}

/** @throws CodedError TX_ACTOR_TYPE */
export function stakingRules(rules: LedgerRules, actorType: number): StakingRules {
  const found = rules.staking.get(actorType);
  if (found !== undefined) return found;
  throw new CodedError('TX_ACTOR_TYPE', `This version stakes validators (actor type ${ACTOR_VALIDATOR}) only.`, {
    actor_type: actorType,
  });
}

/** uPOKT that the message costs. */
export function feeOf(rules: LedgerRules, message: Message): bigint {
  const name = feeParam(message);
  return name === null ? 0n : (rules.fees.get(name) ?? 0n);
}

function fees(genesis: Genesis): ReadonlyMap<string, bigint> {
  const names = [...genesis.params.keys()].filter((name) => /^message_.*_fee$/.test(name));
  return new Map(names.map((name) => [name, whole(genesis, name)]));
}

function stakingRulesOf(
  genesis: Genesis,
  { name, pool, maxChains, maxActors }: (typeof STAKED_TYPES)[number],
  maxEvidenceAge: bigint,
): StakingRules {
  return {
    pool: toHex(pool),
    minimumStake: whole(genesis, `${name}_minimum_stake`, { min: 1n, max: 2n ** 128n - 1n }),
    // Whoever leaves stays punishable for as long as there may be evidence.
    unstakingBlocks: whole(genesis, `${name}_unstaking_blocks`, { min: maxEvidenceAge > 0n ? maxEvidenceAge : 1n }),
    minimumPauseBlocks: whole(genesis, `${name}_minimum_pause_blocks`),
    maxPauseBlocks: whole(genesis, `${name}_max_pause_blocks`),
    maxChains,
    maxActors,
  };
}

/** Heights and fees far beyond any that are sensible, and their sums still fit the formats. */
const LARGEST = 2n ** 62n;

function whole(
  genesis: Genesis,
  name: string,
  { min = 0n, max = LARGEST }: { min?: bigint; max?: bigint } = {},
): bigint {
  const text = genesis.params.get(name) ?? '';
  const value = /^[0-9]{1,39}$/.test(text) ? BigInt(text) : -1n;
  if (value >= min && value <= max) return value;
  throw new CodedError(
    'UTILITY_PARAM_INVALID',
    `The genesis parameter ${name} is "${text.slice(0, 40)}"; write a whole number from ${min} to ${max}.`,
    { name },
  );
}
