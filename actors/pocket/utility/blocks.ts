import { CodedError, hasCode, INTERNAL_ERROR, toErrorRecord } from '../../../runtime/errors.ts';
import {
  type Block,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  HASH_BYTES,
  type Header,
} from '../chain/block.ts';
import { toHex } from '../chain/hex.ts';
import { transactionHash } from '../chain/transaction.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import {
  checkBlock,
  checkProposal,
  checkSuccession,
  draftHeader,
  type Parent,
  type ProposalTerms,
  STATE_HASHES_BYTES,
  signersFor,
  signersOf,
  TRANSACTION_OVERHEAD_BYTES,
} from './core/header.ts';
import { applyBlock, type LedgerBlock, selectTransactions } from './core/ledger.ts';
import { type Prepared, prepare } from './core/prepared.ts';
import type { LedgerRules } from './core/rules.ts';
import { dueActors } from './core/staking.ts';
import { type StateView, stateView, touchedKeys } from './core/view.ts';
import type { MempoolKeeper, UtilityContext } from './keeper.ts';
import type { UtilityMetrics } from './metrics.ts';
import type { Verifier } from './verifier.ts';

/** Builds and executes blocks: one read of all touched keys, the pure ledger, one durable stage. */
export class Blocks {
  readonly #context: UtilityContext;
  readonly #rules: LedgerRules;
  readonly #keeper: MempoolKeeper;
  readonly #verifier: Verifier;
  readonly #metrics: UtilityMetrics;

  constructor(
    context: UtilityContext,
    rules: LedgerRules,
    keeper: MempoolKeeper,
    verifier: Verifier,
    metrics: UtilityMetrics,
  ) {
    this.#context = context;
    this.#rules = rules;
    this.#keeper = keeper;
    this.#verifier = verifier;
    this.#metrics = metrics;
  }

  /** @throws CodedError PROPOSAL_INVALID, PARENT_UNKNOWN */
  async propose(terms: ProposalTerms, trace: string): Promise<{ block: Uint8Array; blockHash: Uint8Array }> {
    const stop = this.#metrics.propose_seconds.startTimer();
    const candidates = this.#candidates(terms);
    const { parent, view } = await this.#read(terms.parent, candidates, terms, trace);
    checkProposal(terms, parent, this.#rules);
    const ledgerTerms = { ...terms, parentSigners: signersFor(terms) };
    const chosen = selectTransactions(view, candidates, this.#rules, ledgerTerms);
    const transactions = chosen.map(({ bytes }) => bytes);
    const draft = draftHeader(terms, parent.stateHash, transactions, this.#rules);
    const staged = await this.#stage(draft, { ...ledgerTerms, transactions: chosen }, view, trace);
    this.#metrics.blockTransactions.observe(chosen.length);
    stop();
    return { block: encodeBlock({ header: decodeHeader(staged.header), transactions }), blockHash: staged.blockHash };
  }

  /** @throws CodedError BLOCK_INVALID, PARENT_UNKNOWN */
  async execute(bytes: Uint8Array, trace: string): Promise<{ blockHash: Uint8Array }> {
    const stop = this.#metrics.apply_seconds.startTimer();
    const block = judged(() => decodeBlock(bytes));
    checkBlock(block, bytes.length, this.#rules);
    const prepared = await this.#examine(block);
    const { parentHash, proposerAddress: proposer, height } = block.header;
    const { parent, view } = await this.#read(parentHash, prepared, { proposer, height }, trace);
    checkSuccession(block.header, parent, this.#rules);
    await this.#verifier.prove(prepared, view.validators, (error) => {
      throw blockInvalid(error);
    });
    const parentSigners = judged(() => signersOf(block.header.quorumCertificate));
    const ledgerBlock = { height, proposer, parentSigners, transactions: prepared };
    const { blockHash } = await this.#stage(block.header, ledgerBlock, view, trace).catch((error: unknown) => {
      const invalid = hasCode(error, 'STATE_HASH_MISMATCH') || hasCode(error, 'HEADER_INVALID');
      throw invalid ? blockInvalid(error) : error;
    });
    this.#metrics.blockTransactions.observe(prepared.length);
    stop();
    return { blockHash };
  }

  /** The oldest of the mempool that fit, whatever persistence will add to the header. */
  #candidates(terms: ProposalTerms): Prepared[] {
    const empty = draftHeader(terms, new Uint8Array(HASH_BYTES), [], this.#rules);
    const room = this.#rules.maxBlockBytes - encodeHeader(empty).length - STATE_HASHES_BYTES;
    const { max_proposed_transactions } = this.#context.config.utility;
    return this.#keeper.mempool.candidates(room, max_proposed_transactions, TRANSACTION_OVERHEAD_BYTES);
  }

  /** Decodes and verifies what this node has not seen yet. @throws CodedError BLOCK_INVALID */
  async #examine(block: Block): Promise<Prepared[]> {
    const prepared: Prepared[] = [];
    await this.#verifier.each(block.transactions, (bytes) => {
      const hash = transactionHash(bytes);
      prepared.push(this.#keeper.mempool.get(toHex(hash)) ?? this.#decode(bytes, hash));
    });
    await this.#verifier.ahead(prepared);
    await this.#verifier.each(prepared, (one) => {
      if (this.#verifier.isValid(one)) return;
      throw blockInvalid(new CodedError('TX_SIGNATURE_INVALID', `the signature of ${one.hashHex} is wrong`));
    });
    return prepared;
  }

  #decode(bytes: Uint8Array, hash: Uint8Array): Prepared {
    this.#verifier.decoding();
    return judged(() => prepare(bytes, hash));
  }

  async #read(
    at: Uint8Array,
    transactions: readonly Prepared[],
    { proposer, height }: { proposer: Uint8Array; height: bigint },
    trace: string,
  ): Promise<{ parent: Parent; view: StateView }> {
    const persistence = this.#context.peer(persistenceProtocol);
    const keys = touchedKeys(transactions, proposer);
    const [read, validators] = await Promise.all([
      persistence.ask('read', { at, ...keys }, { trace }),
      persistence.ask('validators', { at }, { trace }),
    ]);
    // Who is paid out at the end of the block is known now; hardly any block has one.
    const outputs = dueActors(validators.actors, height).map(({ output }) => output);
    const paidOut = { at, accounts: outputs, pools: [], replayKeys: [] };
    const due = outputs.length > 0 ? await persistence.ask('read', paidOut, { trace }) : { accounts: [] };
    const view = stateView({ ...read, accounts: [...read.accounts, ...due.accounts] }, validators);
    return { parent: { ...read, validators: view.validators }, view };
  }

  #stage(header: Header, ledgerBlock: LedgerBlock, view: StateView, trace: string) {
    const { changes, receipts } = judged(() => applyBlock(view, ledgerBlock, this.#rules));
    const transactions = ledgerBlock.transactions.map(({ bytes }) => bytes);
    const block = { header: encodeHeader(header), transactions, changes, receipts };
    return this.#context.peer(persistenceProtocol).ask('stage', block, { trace });
  }
}

/** What the formats and the ledger refuse makes the block invalid; a bug stays what it is. */
function judged<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toErrorRecord(error).code === INTERNAL_ERROR ? error : blockInvalid(error);
  }
}

function blockInvalid(error: unknown): CodedError {
  const { code, message, data } = toErrorRecord(error);
  const reason = `${code}: ${message}`;
  return new CodedError('BLOCK_INVALID', `The block is invalid: ${reason}`, { ...data, reason }, { cause: error });
}
