import { join } from 'node:path';
import type { SignerStart } from '../../actors/host/signer/config.ts';
import signer from '../../actors/host/signer/index.ts';
import {
  type ConsensusMessage,
  decodeConsensusMessage,
  encodeConsensusMessage,
} from '../../actors/pocket/chain/consensus.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import type { ValidatorSet } from '../../actors/pocket/chain/validators.ts';
import { type ConsensusStart, consensusConfigSchema } from '../../actors/pocket/consensus/config.ts';
import consensus from '../../actors/pocket/consensus/index.ts';
import { consensusProtocol } from '../../actors/pocket/consensus/protocol.ts';
import { p2pProtocol } from '../../actors/pocket/p2p/protocol.ts';
import { persistenceProtocol } from '../../actors/pocket/persistence/protocol.ts';
import { utilityProtocol } from '../../actors/pocket/utility/protocol.ts';
import { createKey } from '../../config/keystore.ts';
import { type Context, defineActor, type Observation, type Peer } from '../../runtime/actor.ts';
import { CodedError } from '../../runtime/errors.ts';
import { defineProtocol } from '../../runtime/protocol.ts';
import { type HostedActor, SingleThreadHost } from '../../runtime/single-thread.ts';
import { Disk, GENESIS_MS } from './disk.ts';
import { NETWORK_ID } from './keys.ts';

/**
 * One validator: the real actors signer and consensus in virtual time, with the record and the key in real files, over
 * the simulation's database and ledger. Its network is whoever holds this object.
 */
export class HostedValidator {
  readonly disk: Disk;
  readonly host: SingleThreadHost;
  /** Path of its consensus journal. */
  readonly journal: string;
  /** What it has said to other validators, in order. */
  readonly said: ConsensusMessage[] = [];
  #network: Context<typeof p2pProtocol, unknown> | undefined;
  #probe: Context<typeof PROBE, unknown> | undefined;

  private constructor(validators: ValidatorSet, journal: string, configs: ReadonlyMap<string, unknown>) {
    this.journal = journal;
    this.disk = new Disk(validators);
    const definitions = [signer, this.#persistence(), this.#utility(), this.#p2p(), consensus, this.#observer()];
    const actors = definitions.map((definition) => ({
      definition,
      config: configs.get(definition.protocol.name) ?? {},
    })) as unknown as HostedActor[];
    this.host = new SingleThreadHost(actors, { seed: 1n, start_ms: GENESIS_MS });
  }

  /** @param home directory of its key and its record, which a former life may have left */
  static async start(home: string, validators: ValidatorSet, seed: Uint8Array): Promise<HostedValidator> {
    const { path } = await createKey(home, { unencrypted: true, name: 'validator', seed });
    const journal = join(home, 'consensus', 'journal');
    const own: { signer: SignerStart; consensus: ConsensusStart } = {
      signer: {
        signer: { key_file: path, record_file: join(home, 'record'), remote: '', remote_key_file: '' },
        networkId: NETWORK_ID,
        validators: validators.list,
      },
      consensus: {
        consensus: consensusConfigSchema.parse({ journal_file: journal }),
        genesis: genesisOf(validators),
        version: 'test',
      },
    };
    const validator = new HostedValidator(validators, journal, new Map<string, unknown>(Object.entries(own)));
    await validator.host.start();
    return validator;
  }

  get consensus(): Peer<typeof consensusProtocol> {
    return this.#probe!.peer(consensusProtocol);
  }

  /** A message of another validator arrives, and what follows from it at once happens. */
  async hear(...messages: ConsensusMessage[]): Promise<void> {
    for (const message of messages) {
      this.#network?.emit('consensusMessage', { from: message.address, message: encodeConsensusMessage(message) });
      await this.host.advance(1);
    }
  }

  /** Lets virtual time pass until it has said such a message. @throws if it does not within `limit_ms` */
  async says(wanted: (message: ConsensusMessage) => boolean, limit_ms: number): Promise<ConsensusMessage> {
    for (const end_ms = this.host.clock.now() + limit_ms; this.host.clock.now() < end_ms; await this.host.advance(10)) {
      const found = this.said.find(wanted);
      if (found) return found;
    }
    throw new Error(`it did not say so within ${limit_ms} ms of its time`);
  }

  /**
   * The actors die, in this order, and live again, in the order of a node: consensus waits for the signer.
   * @param meanwhile what happens while they are dead
   */
  async replace(names: readonly string[], meanwhile: () => void = () => undefined): Promise<void> {
    for (const name of names) await this.host.kill(name);
    meanwhile();
    for (const name of ORDER.filter((one) => names.includes(one))) await this.host.restart(name);
  }

  /** Sum of a metric of one actor's present life, over the series with this label value. */
  async metric(actor: string, name: string, label = ''): Promise<number> {
    const observed = await this.answer(this.#probe!.observe());
    const metrics = observed.find((one) => one.actor === actor)?.metrics as Observation['metrics'];
    const values = metrics.find((metric) => metric.name === name)?.values ?? [];
    const wanted = values.filter(({ labels }) => label === '' || Object.values(labels).includes(label));
    return wanted.reduce((sum, { value }) => sum + value, 0);
  }

  /** Awaits what an actor is asked, while virtual time goes on. */
  async answer<T>(asked: Promise<T>): Promise<T> {
    asked.catch(() => undefined); // awaited below
    await this.host.advance(1);
    return asked;
  }

  #persistence() {
    const { disk } = this;
    return defineActor({
      protocol: persistenceProtocol,
      uses: [],
      listens: [],
      start: () => ({
        tell: {},
        ask: {
          tip: () => disk.tip(),
          commit: ({ blockHash, commitQc }) => {
            disk.commit(blockHash.slice(), commitQc.slice());
            const { height, validators } = disk.tip();
            return { height, validators };
          },
          block: ({ blockHash }) => ({ block: disk.find(blockHash) }),
          read: unasked,
          validators: unasked,
          stage: unasked,
          blocks: unasked,
          prove: unasked,
          headers: unasked,
          snapshots: unasked,
          manifest: unasked,
          chunk: unasked,
          restoreBegin: unasked,
          restoreChunk: unasked,
          restoreEnd: unasked,
          journal: unasked,
          journaled: unasked,
          forget: unasked,
        },
        stop: () => undefined,
      }),
    });
  }

  #utility() {
    const { disk } = this;
    return defineActor({
      protocol: utilityProtocol,
      uses: [],
      listens: [],
      start: () => ({
        tell: {},
        ask: {
          propose: (plan) => ({ block: disk.propose(copied(plan), []), blockHash: new Uint8Array(32) }),
          execute: ({ block }) => {
            disk.execute(block.slice());
            return { blockHash: new Uint8Array(32) };
          },
          submit: unasked,
          pending: unasked,
        },
        stop: () => undefined,
      }),
    });
  }

  #p2p() {
    const heard = ({ message }: { message: Uint8Array }): void => {
      this.said.push(decodeConsensusMessage(message.slice()));
    };
    return defineActor({
      protocol: p2pProtocol,
      uses: [],
      listens: [],
      start: (context: Context<typeof p2pProtocol, unknown>) => {
        this.#network = context;
        return {
          tell: { broadcast: heard, send: heard, gossip: () => undefined, accuse: () => undefined },
          ask: { request: unreachable, peers: unasked },
          stop: () => undefined,
        };
      },
    });
  }

  #observer() {
    return defineActor({
      protocol: PROBE,
      uses: [consensusProtocol],
      listens: [],
      observes: true,
      start: (context: Context<typeof PROBE, unknown>) => {
        this.#probe = context;
        return { tell: {}, ask: {}, stop: () => undefined };
      },
    });
  }
}

const ORDER = ['signer', 'persistence', 'p2p', 'utility', 'consensus'];

const PROBE = defineProtocol('probe', {});

function genesisOf(validators: ValidatorSet): string {
  return JSON.stringify({
    genesis_time: new Date(GENESIS_MS).toISOString(),
    chain_id: NETWORK_ID,
    accounts: [],
    validators: validators.list.map(({ address, publicKey, serviceUrl }) => ({
      address: toHex(address),
      public_key: toHex(publicKey),
      service_url: serviceUrl,
      staked_amount: '1',
      output: toHex(address),
    })),
  });
}

function unasked(): never {
  throw new CodedError('UNASKED', 'consensus does not ask this');
}

function unreachable(): never {
  throw new CodedError('PEER_UNREACHABLE', 'nobody else has blocks');
}

/** What arrives in a frame is a view of it. */
function copied<T extends object>(fields: T): T {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Uint8Array.from(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}
