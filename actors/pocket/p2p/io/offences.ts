import type { Logger } from 'pino';
import type { Clock } from '../../../../runtime/clock.ts';
import { type Offence, Scores } from '../core/score.ts';
import type { P2pMetrics } from './metrics.ts';

/** Peers whose offences and refusals are remembered. */
const MAX_REMEMBERED = 1_024;

/** Counts what peers do wrong, and shuts out those who repeat it. */
export class Offences {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: P2pMetrics;
  readonly #banned: (peer: string) => void;
  readonly #scores = new Scores(MAX_REMEMBERED);
  /** Refusals that are in the log already. */
  readonly #logged = new Set<string>();

  /** @param banned is told of a peer that is shut out from now on */
  constructor(clock: Clock, log: Logger, metrics: P2pMetrics, banned: (peer: string) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
    this.#banned = banned;
  }

  /** @param peer a peer id, or a host whose peer id is not known yet */
  count(peer: string, offence: Offence, error?: unknown): void {
    this.#metrics.violations.inc({ reason: offence });
    this.#log.debug({ peer, offence, reason: (error as Error | undefined)?.message }, 'breach of protocol');
    if (!this.#scores.offend(peer, offence, this.#clock.now())) return;
    this.#metrics.bans.inc();
    this.#log.warn({ peer, offence }, 'peer shut out for a minute: repeated breaches of protocol');
    this.#banned(peer);
  }

  isBanned(peer: string): boolean {
    return this.#scores.banned(peer, this.#clock.now());
  }

  /** A refused peer comes again and again; its operator reads of it once. */
  logRefusal(text: string, refusal: { peerId: string; code: string; reason: string }): void {
    const key = `${text} ${refusal.peerId} ${refusal.code}`;
    if (this.#logged.has(key)) return;
    this.#logged.add(key);
    if (this.#logged.size > MAX_REMEMBERED) this.#logged.delete(this.#logged.values().next().value!);
    this.#log.warn(refusal, text);
  }
}
