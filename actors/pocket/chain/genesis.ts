import { CodedError } from '../../../runtime/errors.ts';
import type { Account } from './account.ts';
import type { Actor } from './actor.ts';
import { formatAmount, MAX_AMOUNT } from './amounts.ts';
import { type GenesisFile, genesisSchema } from './genesis-schema.ts';
import { compareBytes, equalBytes, toHex } from './hex.ts';
import { DEFAULT_PARAMS } from './params.ts';
import { POOLS } from './pools.ts';
import { MAX_TRANSACTION_BYTES } from './sizes.ts';
import { activeValidators, MAX_VALIDATORS, type ValidatorSet, type VoteWeight, validatorSet } from './validators.ts';

/** A genesis of a million accounts has about 100 MB. */
const MAX_GENESIS_CHARACTERS = 128 * 1024 * 1024;
/** Room of a header: the fixed part, and the QC's part for each validator. */
const HEADER_BYTES = 2_048;
const HEADER_BYTES_PER_VALIDATOR = 120;

/** How the leader of a round is found. */
export type LeaderElection = 'round_robin' | 'sortition';

/** What every node of a network agrees on before block 1. */
export interface Genesis {
  /** `chain_id` in the file. */
  networkId: string;
  /** Timestamp of block 0. */
  genesisTime_ms: bigint;
  maxBlockBytes: number;
  /** Time between blocks while there are transactions. */
  blockInterval_ms: number;
  /** Time between blocks while there are none. */
  emptyBlockInterval_ms: number;
  /** How far ahead a transaction's last valid height may lie; replays are remembered for as long. */
  txWindowBlocks: number;
  /** Admits transactions of the earlier client, which are bound to no network and no height. */
  allowV1Transactions: boolean;
  voteWeight: VoteWeight;
  leaderElection: LeaderElection;
  /** By ascending address. */
  accounts: Account[];
  /** Every pool of pools.ts, in its order. */
  pools: Account[];
  validators: Actor[];
  applications: Actor[];
  servicers: Actor[];
  fishermen: Actor[];
  /** Every parameter, by ascending name. */
  params: ReadonlyMap<string, string>;
}

/** @throws GENESIS_INVALID, GENESIS_DUPLICATE_ADDRESS: the message names the entry and what to write instead. */
export function parseGenesis(text: string): Genesis {
  const file = checkFile(parseJson(text));
  const genesis: Genesis = {
    networkId: file.chain_id,
    genesisTime_ms: file.genesis_time,
    maxBlockBytes: file.max_block_bytes,
    blockInterval_ms: file.block_interval_ms,
    emptyBlockInterval_ms: file.empty_block_interval_ms,
    txWindowBlocks: file.tx_window_blocks,
    allowV1Transactions: file.allow_v1_transactions,
    voteWeight: file.vote_weight,
    leaderElection: file.leader_election,
    accounts: sortedAccounts(file.accounts),
    pools: allPools(file),
    validators: file.validators,
    applications: file.applications,
    servicers: file.servicers,
    fishermen: file.fishermen,
    params: new Map([...DEFAULT_PARAMS].map(([name, value]) => [name, file.params[name] ?? value])),
  };
  checkWhole(genesis);
  return genesis;
}

/** Most validators whose certificate a block of this network has room for. */
export function maxValidators({ maxBlockBytes }: Pick<Genesis, 'maxBlockBytes'>): number {
  const room = maxBlockBytes - MAX_TRANSACTION_BYTES - HEADER_BYTES;
  return Math.min(MAX_VALIDATORS, Math.floor(room / HEADER_BYTES_PER_VALIDATOR));
}

/** Who decides height 1. */
export function genesisValidators(genesis: Genesis): ValidatorSet {
  return validatorSet(activeValidators(genesis.validators, genesis.voteWeight, maxValidators(genesis)));
}

/** The file for a genesis: complete (defaults written out), in one order, with the time as ISO 8601. */
export function genesisJson(genesis: Genesis): string {
  const file = {
    genesis_time: new Date(Number(genesis.genesisTime_ms)).toISOString(),
    chain_id: genesis.networkId,
    max_block_bytes: genesis.maxBlockBytes,
    block_interval_ms: genesis.blockInterval_ms,
    empty_block_interval_ms: genesis.emptyBlockInterval_ms,
    tx_window_blocks: genesis.txWindowBlocks,
    allow_v1_transactions: genesis.allowV1Transactions,
    // Left out where it is the default: the file's hash is that of networks which are older than these keys.
    ...(genesis.voteWeight === 'validator' ? {} : { vote_weight: genesis.voteWeight }),
    ...(genesis.leaderElection === 'round_robin' ? {} : { leader_election: genesis.leaderElection }),
    pools: genesis.pools.map(accountJson),
    accounts: genesis.accounts.map(accountJson),
    applications: genesis.applications.map(actorJson),
    validators: genesis.validators.map(actorJson),
    servicers: genesis.servicers.map(actorJson),
    fishermen: genesis.fishermen.map(actorJson),
    params: Object.fromEntries(genesis.params),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function accountJson({ address, amount }: Account) {
  return { address: toHex(address), amount: formatAmount(amount) };
}

function actorJson(actor: Actor) {
  return {
    actor_type: actor.type,
    address: toHex(actor.address),
    public_key: toHex(actor.publicKey),
    chains: actor.chains,
    service_url: actor.serviceUrl,
    staked_amount: formatAmount(actor.stakedAmount),
    paused_height: Number(actor.pausedHeight),
    unstaking_height: Number(actor.unstakingHeight),
    output: toHex(actor.output),
  };
}

function parseJson(text: string): unknown {
  if (text.length > MAX_GENESIS_CHARACTERS) {
    throw invalid('(file)', `${text.length} characters`, `write at most ${MAX_GENESIS_CHARACTERS} characters`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid('(file)', '', `write valid JSON: ${(cause as Error).message}`, { cause });
  }
}

function checkFile(json: unknown): GenesisFile {
  const result = genesisSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0]!];
    throw invalid(pathText(path), valueAt(json, path), 'remove it: there is no such key');
  }
  const value = valueAt(json, issue.path);
  const fix = value === undefined ? `it is missing: ${issue.message}` : issue.message;
  throw invalid(pathText(issue.path), value, fix);
}

/** What no entry shows alone. */
function checkWhole(genesis: Genesis): void {
  for (const name of ['accounts', 'applications', 'validators', 'servicers', 'fishermen'] as const) {
    checkDuplicates(name, genesis[name]);
  }
  const { maxBlockBytes, validators } = genesis;
  const needed = MAX_TRANSACTION_BYTES + HEADER_BYTES + HEADER_BYTES_PER_VALIDATOR * validators.length;
  if (maxBlockBytes < needed) {
    throw invalid('max_block_bytes', maxBlockBytes, `write at least ${needed}: a header and one largest transaction`);
  }
  if (genesis.emptyBlockInterval_ms < genesis.blockInterval_ms) {
    const fix = `write at least block_interval_ms (${genesis.blockInterval_ms})`;
    throw invalid('empty_block_interval_ms', genesis.emptyBlockInterval_ms, fix);
  }
  checkSupply(genesis);
}

/** A balance can then never exceed MAX_AMOUNT, whoever pays whom. What is staked is in the pools. */
function checkSupply(genesis: Genesis): void {
  const supply = [...genesis.accounts, ...genesis.pools].reduce((sum, { amount }) => sum + amount, 0n);
  if (supply <= MAX_AMOUNT) return;
  throw invalid('(file)', String(supply), `write amounts and stakes whose sum is at most ${MAX_AMOUNT}`);
}

function checkDuplicates(list: string, entries: readonly { address: Uint8Array }[]): void {
  const seen = new Set<string>();
  for (const { address } of entries) {
    const hex = toHex(address);
    if (seen.has(hex)) {
      throw new CodedError(
        'GENESIS_DUPLICATE_ADDRESS',
        `genesis: ${list} has the address ${hex} twice: keep one entry`,
        {
          list,
          address: hex,
        },
      );
    }
    seen.add(hex);
  }
}

function sortedAccounts(accounts: Account[]): Account[] {
  return [...accounts].sort((a, b) => compareBytes(a.address, b.address));
}

/** Every pool. One that the file does not name holds what its actors have staked; one that it names, at least that. */
function allPools(file: GenesisFile): Account[] {
  checkDuplicates('pools', file.pools);
  const stakes = new Map<string, readonly Actor[]>([
    ['AppStakePool', file.applications],
    ['ServicerStakePool', file.servicers],
    ['FishermanStakePool', file.fishermen],
    ['ValidatorStakePool', file.validators],
  ]);
  return POOLS.map(({ name, address }) => {
    const staked = (stakes.get(name) ?? []).reduce((sum, { stakedAmount }) => sum + stakedAmount, 0n);
    const at = file.pools.findIndex((entry) => equalBytes(entry.address, address));
    const pool = file.pools[at] ?? { address, amount: staked };
    if (pool.amount >= staked) return pool;
    const fix = `write at least ${staked}, what is staked, or leave ${name} out`;
    throw invalid(`pools[${at}].amount`, String(pool.amount), fix);
  });
}

function invalid(path: string, value: unknown, fix: string, options?: ErrorOptions): CodedError {
  const shown = (JSON.stringify(value) ?? 'nothing').slice(0, 200);
  return new CodedError(
    'GENESIS_INVALID',
    `genesis: ${path} is ${shown}: ${fix}`,
    { path, value: shown, fix },
    options,
  );
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.replace(/^\./, '') || '(file)';
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
