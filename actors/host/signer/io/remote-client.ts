import '../../../../net/promise-with-resolvers.ts';
import type { Libp2p, PrivateKey } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Logger } from 'pino';
import { backoff_ms } from '../../../../net/backoff.ts';
import type { Frame } from '../../../../net/frame.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, fromErrorRecord, toErrorRecord } from '../../../../runtime/errors.ts';
import type { Random } from '../../../../runtime/random.ts';
import { equalBytes, toHex } from '../../../pocket/chain/hex.ts';
import {
  decodeAnswer,
  encodeRequest,
  FRAME_ANSWER,
  FRAME_REQUEST,
  REMOTE_PROTOCOL,
  type RemoteAsk,
  type RemoteAsks,
  type RemoteRequest,
  replyOf,
} from '../core/remote-wire.ts';
import { SIGNER_ERRORS } from '../errors.ts';
import type { RemoteMetrics } from '../metrics.ts';
import { createLinkHost, LINK_TIMEOUT_ms } from './link-host.ts';
import { LinkStream } from './link-stream.ts';

/** Below the 5 s that consensus waits: it is to hear of the silence, not of its own deadline. */
const ANSWER_TIMEOUT_ms = 4_000;
/** A validator that cannot sign is as good as down: its signer is looked for more often than a peer. */
const LONGEST_WAIT_ms = 3_000;
/** Another node took the signer over: whoever comes back at once takes it back, and so on for ever. */
const REPLACED_WAIT_ms = 15_000;
/** Stands for all reasons of not being connected that are not of ours. */
const UNREACHED = 'SIGNER_UNREACHABLE';
/** Consensus, its witness and the certificates ask one thing at a time each. */
const MAX_OPEN = 64;

export interface RemoteClientOptions {
  /** Multiaddr that ends with the signer's peer id. */
  readonly address: string;
  /** This end's identity, which the signer must allow. */
  readonly key: PrivateKey;
  readonly networkId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: RemoteMetrics;
}

interface Open {
  readonly stream: LinkStream;
  readonly settle: (answer: { body: unknown } | { error: unknown }) => void;
}

type Identity = RemoteAsks['hello']['reply'];

/**
 * The node's end of a remote signer: it asks, and connects again for ever. While the signer is away every ask fails
 * at once with SIGNER_UNREACHABLE; what was asked when the connection broke fails with it, too, and may be asked again:
 * the signer gives the same answer.
 */
export class RemoteClient {
  readonly #options: RemoteClientOptions;
  readonly #host: Libp2p;
  readonly #open = new Map<number, Open>();
  #stream: LinkStream | undefined;
  #identity: Identity | undefined;
  #nextId = 0;
  #failures = 0;
  /** What was said of the present absence. */
  #said: string | undefined;
  #replaced = false;
  #stopped = false;
  #cancelRetry: () => void = () => undefined;

  private constructor(options: RemoteClientOptions, host: Libp2p) {
    this.#options = options;
    this.#host = host;
  }

  /** Resolves after the first attempt, whatever came of it. */
  static async start(options: RemoteClientOptions): Promise<RemoteClient> {
    const host = await createLinkHost({ key: options.key, listen: [], gate: {} });
    await host.start();
    const client = new RemoteClient(options, host);
    await client.#connect();
    return client;
  }

  /** What the signer said last that its key is; known from the first connection on. @throws SIGNER_UNREACHABLE */
  identity(): Identity {
    if (this.#identity !== undefined) return this.#identity;
    throw this.#unreachable('it has not been reached since this node started');
  }

  /** @throws SIGNER_UNREACHABLE, MAILBOX_FULL, and what the signer refuses with */
  async ask<K extends RemoteAsk>(ask: K, body: RemoteAsks[K]['body']): Promise<RemoteAsks[K]['reply']> {
    const stream = this.#stream;
    if (stream === undefined) throw this.#unreachable('there is no connection');
    const { clock, metrics } = this.#options;
    const since_ns = clock.monotonic_ns();
    const reply = await this.#exchange(stream, ask, body);
    metrics.seconds.observe(Number(clock.monotonic_ns() - since_ns) / 1e9);
    return reply;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry();
    this.#stream?.close('this node stops');
    this.#failAll(this.#stream, 'this node stops');
    await this.#host.stop();
  }

  async #exchange<K extends RemoteAsk>(
    stream: LinkStream,
    ask: K,
    body: RemoteAsks[K]['body'],
  ): Promise<RemoteAsks[K]['reply']> {
    if (this.#open.size >= MAX_OPEN) {
      throw new CodedError('MAILBOX_FULL', 'too much is asked of the remote signer at once; ask again', { ask });
    }
    // 0 is for what the signer says unasked.
    const id = (this.#nextId++ % 0xffffffff) + 1;
    const answer = await new Promise<{ body: unknown } | { error: unknown }>((resolve) => {
      const cancel = this.#options.clock.after(ANSWER_TIMEOUT_ms, () => {
        // Its machine or the line may be gone without a word: only a new connection shows.
        stream.close(`no answer within ${ANSWER_TIMEOUT_ms} ms`);
      });
      this.#open.set(id, {
        stream,
        settle: (given) => {
          cancel();
          this.#open.delete(id);
          resolve(given);
        },
      });
      stream.send(FRAME_REQUEST, encodeRequest({ id, ask, body } as RemoteRequest));
    });
    if ('error' in answer) throw answer.error;
    return replyOf(ask, answer.body);
  }

  /** One attempt. Never throws: what fails is tried again after a while. */
  async #connect(): Promise<void> {
    const { address, log, metrics, networkId } = this.#options;
    let stream: LinkStream | undefined;
    try {
      stream = await this.#dial();
      const identity = await this.#exchange(stream, 'hello', { networkId });
      this.#checkIdentity(identity);
      if (this.#stopped) throw this.#unreachable('this node stops');
      this.#stream = stream;
      this.#failures = 0;
      this.#said = undefined;
      this.#replaced = false;
      metrics.connected.set(1);
      metrics.connects.inc({ outcome: 'connected' });
      log.info({ address, validator: toHex(identity.address) }, 'the remote signer is there');
    } catch (error) {
      stream?.close('no use for it');
      if (this.#stopped) return;
      metrics.connects.inc({ outcome: 'failed' });
      this.#complain(error);
      this.#retry();
    }
  }

  async #dial(): Promise<LinkStream> {
    const signal = AbortSignal.timeout(LINK_TIMEOUT_ms);
    const connection = await this.#host.dial(multiaddr(this.#options.address), { signal, force: true });
    try {
      const stream = await connection.newStream(REMOTE_PROTOCOL, { signal });
      const link: LinkStream = new LinkStream(stream, this.#options.clock, {
        frame: (frame) => this.#onFrame(frame),
        closed: (reason) => {
          connection.abort(new Error(reason));
          this.#onClosed(link, reason);
        },
      });
      return link;
    } catch (error) {
      connection.abort(error as Error);
      throw error;
    }
  }

  /** Another key behind the same peer id: certificates and lock are of the old one, so the node has to start anew. */
  #checkIdentity(identity: Identity): void {
    const { publicKey, address } = identity;
    if (this.#identity !== undefined && !equalBytes(this.#identity.publicKey, publicKey)) {
      throw new CodedError(
        'SIGNER_KEY_CHANGED',
        `The remote signer signs for ${toHex(address)} now, and for ${toHex(this.#identity.address)} before: restart this node if that is meant.`,
        { address: toHex(address) },
      );
    }
    this.#identity = { publicKey: Uint8Array.from(publicKey), address: Uint8Array.from(address) };
  }

  #onFrame({ kind, payload }: Frame): void {
    if (kind !== FRAME_ANSWER)
      throw new CodedError('SIGNER_LINK_MALFORMED', 'The signer sent a frame of unknown kind.');
    const { id, ...answer } = decodeAnswer(payload);
    if (!('error' in answer)) {
      this.#open.get(id)?.settle(answer);
      return;
    }
    if (answer.error.code === 'SIGNER_LINK_REPLACED') this.#replaced = true;
    this.#open.get(id)?.settle({ error: fromErrorRecord(answer.error) });
  }

  #onClosed(stream: LinkStream, reason: string): void {
    const { log, metrics, address } = this.#options;
    this.#failAll(stream, reason);
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    metrics.connected.set(0);
    if (this.#stopped) return;
    const why = this.#replaced ? 'another node took it over' : reason;
    log.warn({ address, reason: why }, 'the remote signer is away: nothing is signed until it is back');
    this.#said = UNREACHED;
    this.#retry();
  }

  #failAll(stream: LinkStream | undefined, reason: string): void {
    for (const open of [...this.#open.values()]) {
      if (open.stream === stream) open.settle({ error: this.#unreachable(reason) });
    }
  }

  /** Once for each absence, and again when another reason for it is found. */
  #complain(error: unknown): void {
    const { address, log } = this.#options;
    const { code, message } = toErrorRecord(error);
    // Whatever the system or libp2p say: nobody answers there who lets us in.
    const kind = code in SIGNER_ERRORS ? code : UNREACHED;
    const level = kind === this.#said ? 'debug' : 'warn';
    this.#said = kind;
    const facts = { address, own_peer_id: this.#host.peerId.toString(), reason: message };
    if (kind !== UNREACHED) log[level]({ ...facts, code }, 'the remote signer cannot be used');
    else
      log[level](
        facts,
        'the remote signer is not reached: does it run there, with --allow for the peer id of this node?',
      );
  }

  #retry(): void {
    if (this.#stopped) return;
    const { clock, random } = this.#options;
    const wait_ms = this.#replaced
      ? REPLACED_WAIT_ms
      : backoff_ms(Math.max(0, this.#failures - 1), random.fraction(), LONGEST_WAIT_ms);
    this.#failures++;
    this.#cancelRetry = clock.after(wait_ms, () => void this.#connect());
  }

  #unreachable(reason: string): CodedError {
    const { address } = this.#options;
    return new CodedError(
      'SIGNER_UNREACHABLE',
      `The remote signer at ${address} is not there (${reason}); it is looked for all the time.`,
      { address },
    );
  }
}
