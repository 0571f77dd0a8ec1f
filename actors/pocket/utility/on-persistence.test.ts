import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Registry } from 'prom-client';
import type { Behaviour, Context, Envelope, Peer } from '../../../runtime/actor.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { systemRandom } from '../../../runtime/random.ts';
import { decodeBlock, decodeHeader } from '../chain/block.ts';
import { encodeQc, STEP_COMMIT } from '../chain/consensus.ts';
import { equalBytes, toHex } from '../chain/hex.ts';
import type { Message } from '../chain/messages.ts';
import { POOL_VALIDATOR_STAKE } from '../chain/pools.ts';
import { signTransaction } from '../chain/transaction.ts';
import { decodeValidatorSet, validatorSetHash } from '../chain/validators.ts';
import { silent, startActor, type TestActor, type TestServer, testServer } from '../persistence/testing/harness.ts';
import { type UtilityStart, utilityConfigSchema } from './config.ts';
import utility from './index.ts';
import type { UtilityProtocol } from './protocol.ts';
import { doubleSign, orderOf, stakeOf } from './test-support/chain.ts';
import { genesisText, NETWORK, type TestKey, testKey } from './test-support/fixtures.ts';

const STAKE = 15_000_000_000n;
const MAX_AGE = 3n;
const [alice, bob, carol, dave, owner] = [1, 2, 3, 4, 5].map(testKey) as [TestKey, TestKey, TestKey, TestKey, TestKey];
const GENESIS = genesisText(
  [alice, bob, carol],
  [dave, owner].map((key): [TestKey, bigint] => [key, 3n * STAKE]),
  {
    params: {
      validator_unstaking_blocks: String(MAX_AGE),
      validator_maximum_missed_blocks: '2',
      validator_max_evidence_age_in_blocks: String(MAX_AGE),
    },
  },
);

/** The real ledger actor over the real persistence actor and its database; threads and network are left out. */
class Ledger {
  readonly persistence: TestActor;
  readonly #utility: Behaviour<UtilityProtocol>;

  private constructor(persistence: TestActor, behaviour: Behaviour<UtilityProtocol>) {
    this.persistence = persistence;
    this.#utility = behaviour;
  }

  static async start(url: string, schema: string): Promise<Ledger> {
    const persistence = await startActor(url, { schema, genesis: GENESIS });
    const asks = persistence.ask as unknown as Record<string, (body: unknown) => Promise<unknown>>;
    const peer = { tell: () => true, ask: (name: string, body: unknown) => asks[name]!(body), ready: true };
    const context: Context<UtilityProtocol, UtilityStart> = {
      name: 'utility',
      incarnation: 1,
      config: { utility: utilityConfigSchema.parse({ verify_threads: 0 }), genesis: GENESIS },
      clock: systemClock,
      random: systemRandom,
      log: silent,
      metrics: new Registry(),
      peer: () => peer as unknown as Peer<never>,
      emit: () => undefined,
      observe: async () => [],
      fail: (error) => {
        throw error;
      },
    };
    const behaviour = await utility.start(context);
    await behaviour.ready?.();
    return new Ledger(persistence, behaviour);
  }

  async stop(): Promise<void> {
    await this.#utility.stop();
    await this.persistence.stop();
  }

  /** Submits, proposes on the tip, and commits; replies with the block. `absent` do not sign it. */
  async advance(transactions: Uint8Array[] = [], absent: readonly TestKey[] = []): Promise<Uint8Array> {
    const { results } = await this.#utility.ask.submit({ transactions }, envelope());
    for (const { code, message } of results) assert.equal(code, 0, message);
    const tip = await this.persistence.ask.tip({});
    const { block, blockHash } = await this.#utility.ask.propose(
      {
        parent: tip.blockHash,
        height: tip.height + 1n,
        timestamp_ms: tip.timestamp_ms + 500n,
        proposer: tip.validators[0]!.address,
        quorumCertificate: tip.commitQc ?? new Uint8Array(),
      },
      envelope(),
    );
    assert.equal(decodeBlock(block).transactions.length, transactions.length);
    const present = tip.validators.filter(({ address }) => !absent.some((one) => equalBytes(one.address, address)));
    const signatures = present.map(({ address }) => ({ address, signature: new Uint8Array(64).fill(1) }));
    const commitQc = encodeQc({ height: tip.height + 1n, round: 0, step: STEP_COMMIT, blockHash, signatures });
    await this.persistence.ask.commit({ blockHash, commitQc });
    await this.#utility.rebound?.('persistence');
    return block;
  }

  execute(block: Uint8Array): Promise<{ blockHash: Uint8Array }> {
    return Promise.resolve(this.#utility.ask.execute({ block }, envelope()));
  }

  async voters(): Promise<string[]> {
    return (await this.persistence.ask.tip({})).validators.map(({ address }) => toHex(address));
  }

  async balances(...keys: { address: Uint8Array }[]): Promise<(bigint | undefined)[]> {
    const addresses = keys.map(({ address }) => address);
    const read = await this.persistence.ask.read({
      at: null,
      accounts: addresses,
      pools: [POOL_VALIDATOR_STAKE],
      replayKeys: [],
    });
    const of = (address: Uint8Array) => read.accounts.find((row) => equalBytes(row.address, address))?.amount;
    return [...addresses.map(of), read.pools[0]?.amount];
  }
}

function envelope(): Envelope {
  return { from: 'test', trace: '', deadline_ms: Date.now() + 10_000 };
}

function signed(message: Message, by: TestKey): Uint8Array {
  return signTransaction({ message, nonce: message.type, networkId: NETWORK, validUntilHeight: 15n }, by.seed).bytes;
}

describe('validators on the real database', () => {
  let server: TestServer;
  const ledgers: Ledger[] = [];
  const start = async (schema: string): Promise<Ledger> => {
    const ledger = await Ledger.start(server.url, schema);
    ledgers.push(ledger);
    return ledger;
  };
  before(async () => {
    server = await testServer();
  });
  after(async () => {
    for (const ledger of ledgers) await ledger.stop();
    await server.stop();
  });

  it('come, leave and are punished; a restart and a node that executes at once find the same state', async () => {
    let ledger = await start('first');
    const hex = (keys: readonly TestKey[]) => keys.map((key) => key.hex).sort();
    const blocks = [await ledger.advance([signed(stakeOf(dave, STAKE, { output: owner }), dave)])];
    assert.deepEqual(await ledger.voters(), hex([alice, bob, carol, dave]), 'it decides the next height');
    const restart = async () => {
      const { stateHash } = await ledger.persistence.ask.tip({});
      const voters = await ledger.voters();
      await ledger.stop();
      ledgers.splice(ledgers.indexOf(ledger), 1);
      ledger = await start('first');
      assert.deepEqual(Buffer.from((await ledger.persistence.ask.tip({})).stateHash), Buffer.from(stateHash));
      assert.deepEqual(await ledger.voters(), voters);
    };
    await restart();

    blocks.push(await ledger.advance([signed(orderOf('Unstake', dave, owner), owner)]));
    assert.deepEqual(await ledger.voters(), hex([alice, bob, carol]));
    await restart();
    blocks.push(await ledger.advance([doubleSign(bob, 2n, MAX_AGE)], [carol]));
    assert.deepEqual(await ledger.voters(), hex([alice, carol]));
    const [, before] = await ledger.balances(dave, owner);
    blocks.push(await ledger.advance([], [carol]));
    blocks.push(await ledger.advance());
    const { actors } = await ledger.persistence.ask.validators({ at: null });
    assert.deepEqual(
      actors.map(({ address, pausedHeight, unstakingHeight }) => [toHex(address), pausedHeight, unstakingHeight]),
      [
        [alice.hex, -1n, -1n],
        [bob.hex, 3n, 6n],
        [carol.hex, 5n, 8n],
      ].sort(([a], [b]) => (a! < b! ? -1 : 1)),
      'bob signed twice, carol missed two blocks, dave is gone',
    );
    const [, after, pool] = await ledger.balances(dave, owner);
    assert.equal(after, before! + STAKE);
    assert.equal(
      pool,
      actors.reduce((sum, { stakedAmount }) => sum + stakedAmount, 0n),
    );
    await restart();

    const other = await start('second');
    let last: { blockHash: Uint8Array } | undefined;
    for (const block of blocks) last = await other.execute(block);
    const tip = await ledger.persistence.ask.tip({});
    assert.deepEqual(
      Buffer.from(last!.blockHash),
      Buffer.from(tip.blockHash),
      'on staged parents as on committed ones',
    );
    const headers = blocks.map((block) => decodeBlock(block).header);
    for (const [i, header] of headers.slice(1).entries()) {
      assert.deepEqual(header.valSetHash, headers[i]!.nextValSetHash, 'a change counts from the next height on');
    }
    assert.equal(new Set(headers.map(({ nextValSetHash }) => toHex(nextValSetHash))).size, 4);

    const changes = headers.filter(({ valSetHash, nextValSetHash }) => !equalBytes(valSetHash, nextValSetHash));
    const shown = await ledger.persistence.ask.changes({ from: 1n });
    assert.equal(shown.next, null);
    assert.deepEqual(
      shown.headers.map((one) => decodeHeader(one.header).height),
      changes.map(({ height }) => height),
      'what a signer has to be shown: the headers that changed who decides, and no others',
    );
    for (const [i, { validators }] of shown.headers.entries()) {
      assert.deepEqual(validatorSetHash(decodeValidatorSet(validators)), changes[i]!.nextValSetHash);
    }
    const later = await ledger.persistence.ask.changes({ from: changes[1]!.height });
    assert.equal(later.headers.length, changes.length - 1);
  });
});
