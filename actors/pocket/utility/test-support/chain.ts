import { sign } from '../../../../wasm/ed25519.ts';
import { ACTOR_VALIDATOR, type Actor } from '../../chain/actor.ts';
import { type ConsensusMessage, consensusSignBytes, MESSAGE_VOTE, STEP_COMMIT } from '../../chain/consensus.ts';
import { evidenceOf } from '../../chain/evidence.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import type { Message } from '../../chain/messages.ts';
import { evidenceTransaction, signTransaction } from '../../chain/transaction.ts';
import type { ReceiptRow } from '../../persistence/protocol.ts';
import { isActive } from '../core/actor-book.ts';
import { applyBlock } from '../core/ledger.ts';
import { type Prepared, prepare } from '../core/prepared.ts';
import { type LedgerRules, ledgerRules } from '../core/rules.ts';
import { byAddress, type StateView, validatorsByAddress } from '../core/view.ts';
import { NETWORK, type TestKey } from './fixtures.ts';

/** What a block of a test chain is made of. */
export interface TestBlock {
  readonly transactions?: readonly Prepared[];
  /** Those that do not sign the parent's certificate. */
  readonly absent?: readonly TestKey[];
}

/** A chain of blocks through the pure ledger, each on the state that the one before left: no database, no threads. */
export class TestChain {
  readonly rules: LedgerRules;
  height = 0n;
  view: StateView;
  #nonce = 0;

  constructor(genesis: string) {
    const { accounts, pools, validators, ...rest } = parseGenesis(genesis);
    this.rules = ledgerRules({ accounts, pools, validators, ...rest });
    this.view = {
      accounts: byAddress(accounts),
      pools: byAddress(pools),
      replayed: new Set(),
      validators: validatorsByAddress(validators),
      voters: [],
    };
  }

  get active(): string[] {
    return [...this.view.validators].filter(([, actor]) => isActive(actor)).map(([address]) => address);
  }

  validator({ hex }: TestKey): Actor {
    return this.view.validators.get(hex)!;
  }

  balance({ hex }: TestKey): bigint {
    return this.view.accounts.get(hex) ?? 0n;
  }

  /** All uPOKT that there are: stakes lie in their pool. */
  get supply(): bigint {
    return [...this.view.accounts.values(), ...this.view.pools.values()].reduce((sum, n) => sum + n, 0n);
  }

  sign(message: Message, by: TestKey): Prepared {
    const unsigned = { message, nonce: String(++this.#nonce), networkId: NETWORK, validUntilHeight: this.height + 5n };
    return prepare(signTransaction(unsigned, by.seed).bytes);
  }

  /** One block after the tip, proposed by the first active validator. */
  next({ transactions = [], absent = [] }: TestBlock = {}): ReceiptRow[] {
    const { block, result } = this.execute({ transactions, absent });
    const { changes, receipts } = result;
    const validators = new Map(this.view.validators);
    for (const actor of changes.actors) validators.set(toHex(actor.address), actor);
    for (const { address } of changes.removedActors) validators.delete(toHex(address));
    this.view = {
      accounts: new Map([...this.view.accounts, ...byAddress(changes.accounts)]),
      pools: new Map([...this.view.pools, ...byAddress(changes.pools)]),
      replayed: new Set([...this.view.replayed, ...transactions.map(({ replayHex }) => replayHex)]),
      voters: this.active.sort(),
      validators,
    };
    this.height = block.height;
    return receipts;
  }

  /** What the next block would change. */
  execute({ transactions = [], absent = [] }: TestBlock) {
    const gone = new Set(absent.map(({ hex }) => hex));
    const signers = this.view.voters.filter((address) => !gone.has(address));
    const block = {
      height: this.height + 1n,
      proposer: this.view.validators.get(this.active.sort()[0]!)!.address,
      parentSigners: this.height === 0n ? null : new Set(signers),
      transactions,
    };
    return { block, result: applyBlock(this.view, block, this.rules) };
  }
}

export function stakeOf(key: TestKey, amount: bigint, rest: { output?: TestKey; signer?: TestKey } = {}): Message {
  return {
    type: 'utility.MessageStake',
    actorType: ACTOR_VALIDATOR,
    publicKey: key.publicKey,
    chains: [],
    amount,
    serviceUrl: 'localhost:2',
    output: (rest.output ?? key).address,
    signer: (rest.signer ?? key).address,
  };
}

export function editOf(key: TestKey, amount: bigint, signer: TestKey = key): Message {
  return {
    type: 'utility.MessageEditStake',
    actorType: ACTOR_VALIDATOR,
    address: key.address,
    chains: [],
    amount,
    serviceUrl: 'localhost:3',
    signer: signer.address,
  };
}

export function orderOf(verb: 'Unstake' | 'Pause' | 'Unpause', key: TestKey, signer: TestKey = key): Message {
  return { type: `utility.Message${verb}`, actorType: ACTOR_VALIDATOR, address: key.address, signer: signer.address };
}

/** Bytes of a transaction that proves two commit votes of one height and round; `variant` makes other blocks. */
export function doubleSign(key: TestKey, height: bigint, maxAge: bigint, variant = 0): Uint8Array {
  const vote = (block: number): ConsensusMessage => {
    const message: ConsensusMessage = {
      type: MESSAGE_VOTE,
      height,
      round: 0,
      step: STEP_COMMIT,
      blockHash: new Uint8Array(32).fill(block),
      block: null,
      justify: null,
      proof: null,
      timeout: null,
      address: key.address,
      signature: new Uint8Array(64),
      networkId: NETWORK,
    };
    return { ...message, signature: sign(key.seed, consensusSignBytes(message)) };
  };
  const evidence = evidenceOf(vote(2 * variant + 1), vote(2 * variant + 2));
  return evidenceTransaction(evidence!, NETWORK, maxAge);
}
