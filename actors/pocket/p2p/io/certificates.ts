import type { Logger } from 'pino';
import { backoff_ms } from '../../../../net/backoff.ts';
import type { Peer } from '../../../../runtime/actor.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { hasCode, toErrorRecord } from '../../../../runtime/errors.ts';
import type { Random } from '../../../../runtime/random.ts';
import type { SignerProtocol } from '../../../host/signer/protocol.ts';
import { toHex } from '../../chain/hex.ts';

/** Part of a certificate's life after which the next one is fetched: a third is left for a signer that restarts. */
const RENEW_AT = 2 / 3;

export interface CertificateOptions {
  readonly signer: Peer<SignerProtocol>;
  readonly peerId: string;
  readonly ttl_ms: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** There is a new certificate. */
  renewed(): void;
}

/** This node's own certificate, always fresh. The signer may be down for a while: it is asked until it answers. */
export class Certificates {
  readonly #options: CertificateOptions;
  #certificate: Uint8Array | undefined;
  #expires_ms = 0;
  #address = '';
  #failures = 0;
  #stopped = false;
  #cancel: () => void = () => undefined;

  constructor(options: CertificateOptions) {
    this.#options = options;
  }

  /** Hex address of this node's validator key; empty while unknown. */
  get address(): string {
    return this.#address;
  }

  /** The certificate to present, of a validator's key or of any other; undefined while there is none. */
  get current(): Uint8Array | undefined {
    return this.#expires_ms > this.#options.clock.now() ? this.#certificate : undefined;
  }

  start(): void {
    void this.#renew();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #renew(): Promise<void> {
    const { clock, random, log, ttl_ms } = this.#options;
    try {
      const wait_ms = await this.#fetch();
      if (this.#stopped) return;
      this.#failures = 0;
      this.#options.renewed();
      this.#cancel = clock.after(wait_ms, () => void this.#renew());
    } catch (error) {
      if (this.#stopped) return;
      // The absence of a remote signer is in the log already.
      const level = this.#failures > 0 && hasCode(error, 'SIGNER_UNREACHABLE') ? 'debug' : 'warn';
      log[level]({ ...toErrorRecord(error), ttl_ms }, 'no certificate from the signer yet; asking again');
      this.#cancel = clock.after(backoff_ms(this.#failures++, random.fraction()), () => void this.#renew());
    }
  }

  /** Answers when to come again. */
  async #fetch(): Promise<number> {
    const { signer, peerId, ttl_ms, clock } = this.#options;
    const identity = await signer.ask('identity', {});
    this.#address = toHex(identity.address);
    const wanted_ms = Math.floor(clock.now()) + ttl_ms;
    // A remote signer that is away leaves its last one, which ends earlier.
    const { certificate, expires_ms } = await signer.ask('certify', { peerId, expires_ms: wanted_ms });
    // What came over a thread is a view of its frame; this one is kept for long.
    this.#certificate = Uint8Array.from(certificate);
    this.#expires_ms = expires_ms;
    return (expires_ms - clock.now()) * RENEW_AT;
  }
}
