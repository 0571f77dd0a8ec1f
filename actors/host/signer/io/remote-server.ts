import '../../../../net/promise-with-resolvers.ts';
import type { Connection, ConnectionGater, Libp2p, PeerId, PrivateKey, Stream } from '@libp2p/interface';
import type { Logger } from 'pino';
import type { Frame } from '../../../../net/frame.ts';
import { listenError } from '../../../../net/listen-error.ts';
import { RateLimiter } from '../../../../net/rate.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, INTERNAL_ERROR, toErrorRecord } from '../../../../runtime/errors.ts';
import {
  decodeRequest,
  encodeAnswer,
  FRAME_ANSWER,
  FRAME_REQUEST,
  REMOTE_PROTOCOL,
  type RemoteRequest,
} from '../core/remote-wire.ts';
import type { SignerAnswers } from '../signer.ts';
import { createLinkHost, MAX_STREAMS } from './link-host.ts';
import { LinkStream } from './link-stream.ts';

/** A validator asks some ten things a block; one that catches up shows a certificate for each block. */
const REQUESTS = { perSecond: 2_000, burst: 4_000 };
/** Lines of the log for what strangers do. */
const COMPLAINTS = { perSecond: 0.1, burst: 3 };
/** Peers whose complaints are counted apart; beyond that the one quiet longest is forgotten. */
const MAX_COMPLAINED = 64;

export interface RemoteServerOptions {
  /** Multiaddr to listen on. */
  readonly listen: string;
  /** This end's identity, which the node's configuration names. */
  readonly key: PrivateKey;
  /** Peer ids of nodes that may ask. */
  readonly allowed: ReadonlySet<string>;
  readonly networkId: string;
  readonly answers: SignerAnswers;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Session {
  readonly peerId: string;
  readonly stream: LinkStream;
  greeted: boolean;
}

/**
 * The signer's end: answers the node that came last. Whoever else is connected is told so and closed, so that a node
 * that was restarted need not wait until its former connection is noticed to be dead. What may be signed is decided by
 * the record alone, whoever asks.
 */
export class RemoteServer {
  readonly #options: RemoteServerOptions;
  readonly #requests: RateLimiter;
  #host: Libp2p | undefined;
  #current: Session | undefined;

  private constructor(options: RemoteServerOptions) {
    this.#options = options;
    this.#requests = new RateLimiter(REQUESTS, options.allowed.size);
  }

  /** @throws PORT_BUSY, LISTEN_FAILED */
  static async listen(options: RemoteServerOptions): Promise<RemoteServer> {
    const server = new RemoteServer(options);
    const gate = allowOnly(options);
    const host = await createLinkHost({ key: options.key, listen: [options.listen], gate });
    server.#host = host;
    await host.handle(REMOTE_PROTOCOL, (stream, connection) => server.#onStream(stream, connection), {
      maxInboundStreams: MAX_STREAMS,
    });
    try {
      await host.start();
    } catch (error) {
      await host.stop();
      throw listenError([options.listen], '--listen', error);
    }
    return server;
  }

  /** Where it listens, with its peer id: what `signer.remote` of a node on this machine says. */
  get addresses(): string[] {
    return this.#host?.getMultiaddrs().map(String) ?? [];
  }

  async stop(): Promise<void> {
    this.#current?.stream.close('the signer stops');
    await this.#host?.stop();
  }

  #onStream(stream: Stream, connection: Connection): void {
    const { clock, log } = this.#options;
    const peerId = connection.remotePeer.toString();
    const session: Session = {
      peerId,
      greeted: false,
      stream: new LinkStream(stream, clock, {
        frame: (frame) => this.#onFrame(session, frame),
        closed: (reason) => {
          connection.abort(new Error(reason));
          if (this.#current !== session) return;
          this.#current = undefined;
          log.warn({ node: peerId, reason }, 'the node is gone');
        },
      }),
    };
  }

  #onFrame(session: Session, { kind, payload }: Frame): void {
    if (kind !== FRAME_REQUEST) throw new CodedError('SIGNER_LINK_MALFORMED', 'A node sent a frame of unknown kind.');
    const request = decodeRequest(payload);
    session.stream.send(FRAME_ANSWER, this.#answer(session, request));
  }

  #answer(session: Session, request: RemoteRequest): Uint8Array {
    const { id } = request;
    try {
      if (!this.#requests.take(session.peerId, 1, this.#options.clock.now())) {
        throw new CodedError('MAILBOX_FULL', 'The node asks more than a validator can need; slow down and ask again.');
      }
      return encodeAnswer({ id, body: this.#reply(session, request) });
    } catch (error) {
      const { code, message, data } = toErrorRecord(error);
      if (code === INTERNAL_ERROR) this.#options.log.error({ ask: request.ask, error: message }, 'a request failed');
      return encodeAnswer({ id, error: { code, message, data } });
    }
  }

  #reply(session: Session, { ask, body }: RemoteRequest): object {
    const { answers } = this.#options;
    if (ask === 'hello') return this.#greet(session, body.networkId);
    if (!session.greeted) throw new CodedError('SIGNER_LINK_MALFORMED', 'The first request of a node must be hello.');
    switch (ask) {
      case 'identity':
        return answers.identity(body);
      case 'sign':
        return answers.sign(body);
      case 'prove':
        return answers.prove(body);
      case 'record':
        return answers.record(body);
      case 'witness':
        return answers.witness(body);
      case 'trust':
        return answers.trust(body);
      case 'voters':
        return answers.voters(body);
      case 'certify':
        return answers.certify(body);
    }
  }

  #greet(session: Session, networkId: string): object {
    const { answers, log } = this.#options;
    if (networkId !== this.#options.networkId) {
      throw new CodedError(
        'SIGNER_LINK_NETWORK',
        `The signer is of network ${this.#options.networkId}, the node of ${networkId}: one of them has the wrong genesis or address.`,
        { signer: this.#options.networkId, node: networkId },
      );
    }
    session.greeted = true;
    const former = this.#current;
    this.#current = session;
    if (former !== session) log.info({ node: session.peerId }, 'a node is connected');
    if (former !== undefined && former !== session) this.#replace(former, session);
    return answers.identity({});
  }

  #replace(former: Session, by: Session): void {
    const another = former.peerId !== by.peerId;
    if (another) {
      this.#options.log.warn(
        { node: by.peerId, former: former.peerId },
        'another node took the signer over: only one of those allowed should run',
      );
    }
    former.greeted = false;
    const code = 'SIGNER_LINK_REPLACED';
    const message = 'Another connection took the signer over.';
    if (another) former.stream.send(FRAME_ANSWER, encodeAnswer({ id: 0, error: { code, message, data: {} } }));
    former.stream.finish('it was replaced by a newer connection');
  }
}

/** Refuses everybody else before a byte of the protocol is read: Noise has proven by then who it is. */
function allowOnly({ allowed, clock, log }: RemoteServerOptions): ConnectionGater {
  const complaints = new RateLimiter(COMPLAINTS, MAX_COMPLAINED);
  return {
    denyInboundEncryptedConnection(peer: PeerId) {
      const node = peer.toString();
      if (allowed.has(node)) return false;
      if (complaints.take(node, 1, clock.now())) log.warn({ node }, 'a node that is not allowed was refused (--allow)');
      return true;
    },
  };
}
