import type { Logger } from 'pino';
import { loadKey } from '../../../config/keystore.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { toErrorRecord } from '../../../runtime/errors.ts';
import type { ReplyOf, RequestOf } from '../../../runtime/protocol.ts';
import { publicKeyOf, sign, verify } from '../../../wasm/ed25519.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { LruMap } from '../../../wasm/lru.ts';
import { addressOf } from '../../pocket/chain/address.ts';
import { certificateSignBytes, encodeCertificate } from '../../pocket/chain/certificate.ts';
import {
  consensusSignBytes,
  decodeQc,
  MESSAGE_VOTE,
  type QuorumCertificate,
  verifyQc,
  voteSignBytes,
} from '../../pocket/chain/consensus.ts';
import { vrfProve } from '../../pocket/chain/ecvrf.ts';
import { equalBytes, toHex } from '../../pocket/chain/hex.ts';
import { electionInput } from '../../pocket/chain/sortition.ts';
import type { SignerStart } from './config.ts';
import { checkCertificateRequest } from './core/certify.ts';
import { type Guard, guardRule, isUnknown, latched, oriented } from './core/guard.ts';
import { type CheckedRequest, checkRequest } from './core/request.ts';
import { decide } from './core/rules.ts';
import { followed, knownFrom, type Voters, votersOf } from './core/voters.ts';
import { RecordFile } from './io/record-file.ts';
import { VotersFile } from './io/voters-file.ts';
import type { SignerMetrics } from './metrics.ts';
import type { SafetyRecord, ShownHeader, SignerProtocol, SignRequest } from './protocol.ts';

/** A view has four; the rest are those of late repeats. */
const REMEMBERED_QCS = 64;

/** Faults after which the state in memory and on disk may differ: the signer must be started again, or stay dead. */
const FATAL = new Set(['SIGNER_RECORD_IO', 'SIGNER_RECORD_CHANGED']);

type Questions = SignerProtocol['ask'];
/** Answers to all that a signer is asked, whoever carries the questions. */
export type SignerAnswers = {
  [K in keyof Questions]: (body: RequestOf<Questions[K]>) => ReplyOf<Questions[K]>;
};

export interface SignerEnvironment {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SignerMetrics;
}

/** The only holder of the seed: it leaves this object as signatures. */
export class Signer {
  readonly publicKey: Uint8Array;
  readonly address: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #networkId: string;
  readonly #votersFile: VotersFile;
  #voters: Voters;
  readonly #record: RecordFile;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: SignerMetrics;
  /** Digests of QCs that were verified: a QC comes with a proposal, a vote, and their repeats. */
  readonly #verified = new LruMap<string, true>(REMEMBERED_QCS);

  private constructor(start: SignerStart, seed: Uint8Array, record: RecordFile, environment: SignerEnvironment) {
    this.#seed = seed;
    this.publicKey = publicKeyOf(seed);
    this.address = addressOf(this.publicKey);
    this.#networkId = start.networkId;
    this.#votersFile = new VotersFile(start.signer.record_file, start.networkId, environment.log);
    this.#voters = this.#votersFile.read(start.validators);
    this.#record = record;
    this.#clock = environment.clock;
    this.#log = environment.log;
    this.#metrics = environment.metrics;
  }

  /**
   * Reads the key and opens the record, which no other process may hold.
   * @throws KEY_*, SIGNER_RECORD_*
   */
  static async open(start: SignerStart, environment: SignerEnvironment): Promise<Signer> {
    const { networkId, signer: config, password } = start;
    const { log } = environment;
    const { seed } = await loadKey(config.key_file, password);
    const address = addressOf(publicKeyOf(seed));
    const { file, created, adopted } = RecordFile.open(config.record_file, { address, networkId });
    const { height, round, step } = file.state;
    const { floor, stale } = file.guard;
    const place = { address: toHex(address), file: config.record_file, height, round, step, floor };
    if (created) log.warn(place, 'new safety record: right only if this key has never signed on this network');
    else log.info(place, 'safety record restored');
    if (adopted) log.info({ file: config.record_file }, 'the safety record is bound to this machine and file now');
    if (stale !== null) log.error({ ...place, seen: stale }, 'the safety record is stale: nothing is signed');
    return new Signer(start, seed, file, environment);
  }

  /** @param fatal is told of what the signer cannot go on after */
  answers(fatal: (error: unknown) => void): SignerAnswers {
    const counted = <T>(action: () => T): T => {
      try {
        return action();
      } catch (error) {
        const { code } = toErrorRecord(error);
        this.#metrics.refusals.inc({ code });
        if (FATAL.has(code)) fatal(error);
        throw error;
      }
    };
    return {
      identity: () => ({ publicKey: this.publicKey, address: this.address }),
      sign: (request) => ({ signature: counted(() => this.#sign(request)) }),
      prove: (place) => ({ proof: counted(() => this.#prove(place)) }),
      record: () => this.#safetyRecord(),
      witness: ({ qc }) => ({ ok: counted(() => this.#witness(qc)) }),
      trust: (shown) => ({ from: counted(() => this.#trust(shown)) }),
      voters: () => ({ from: knownFrom(this.#voters) }),
      certify: ({ peerId, expires_ms }) => ({ certificate: counted(() => this.#certify(peerId, expires_ms)) }),
    };
  }

  close(): void {
    this.#record.close();
  }

  #safetyRecord(): SafetyRecord {
    const { height, round, step, prepareQc, lockedQc } = this.#record.state;
    return { height, round, step, prepareQc, lockedQc };
  }

  /** The order is the safety: decide, sign, make durable, and only then let the signature out. */
  #sign(request: SignRequest): Uint8Array {
    const checked = checkRequest(request);
    const { state, guard } = this.#record;
    guardRule(guard, state, checked.height);
    this.#verify(checked);
    // A vote is the same whichever set of signers made the QC that led to it.
    const justify = checked.type === MESSAGE_VOTE ? null : checked.justify;
    const bytes = consensusSignBytes({ ...checked, justify, networkId: this.#networkId });
    const decision = decide(state, checked, sha256(bytes));
    if (decision.kind === 'repeat') return decision.signature;
    const signature = sign(this.#seed, bytes);
    const started_ns = this.#clock.monotonic_ns();
    this.#record.write({ state: decision.next(signature) });
    this.#metrics.record_seconds.observe(Number(this.#clock.monotonic_ns() - started_ns) / 1e9);
    const type = checked.type === MESSAGE_VOTE ? 'vote' : 'propose';
    this.#metrics.signatures.inc({ type, step: String(checked.step) });
    return signature;
  }

  /** A QC can release a lock: whether it is one is not taken on trust. @throws QC_* */
  #verify({ justify, justifyQc }: CheckedRequest): void {
    if (justify === null || justifyQc === null) return;
    const digest = toHex(sha256(justify));
    if (this.#verified.get(digest)) return;
    verifyQc(justifyQc, votersOf(this.#voters, justifyQc.height), this.#networkId);
    this.#verified.set(digest, true);
  }

  #witness(bytes: Uint8Array): boolean {
    const qc = decodeQc(bytes);
    const { guard } = this.#record;
    const next = this.#isUnknownVote(qc) ? latched(guard, qc) : this.#oriented(guard, qc);
    if (next !== guard) {
      this.#record.write({ guard: next });
      const { floor, stale } = next;
      const { height, round } = this.#record.state;
      const facts = { shown: qc.height, floor, height, round };
      if (stale === null) this.#log.info(facts, 'the new safety record knows where the chain is');
      else this.#log.error({ ...facts, seen: stale }, 'SIGNER_RECORD_STALE: a vote of this key is not in its record');
    }
    return next.stale === null;
  }

  /** Only this key can have made such a signature, so the other signers need not be looked at. */
  #isUnknownVote(qc: QuorumCertificate): boolean {
    const own = qc.signatures.find(({ address }) => equalBytes(address, this.address));
    if (own === undefined) return false;
    const { height, round, step, blockHash } = qc;
    const signed = voteSignBytes({ networkId: this.#networkId, height, round, step, blockHash });
    const { guard, state } = this.#record;
    const vote = { height, round, step, digest: sha256(signed) };
    return isUnknown(guard, state, vote) && verify(this.publicKey, signed, own.signature);
  }

  /** The floor keeps the signer silent for a while, so it is raised by what the validators signed only. */
  #oriented(guard: Guard, qc: QuorumCertificate): Guard {
    if (!guard.fresh) return guard;
    verifyQc(qc, votersOf(this.#voters, qc.height), this.#networkId);
    return oriented(guard, this.#record.state, qc.height);
  }

  #trust(shown: ShownHeader): bigint {
    const voters = followed(this.#voters, this.#networkId, shown);
    if (voters !== this.#voters) {
      this.#voters = voters;
      this.#votersFile.write(voters);
      const { from, set } = voters.sets.at(-1)!;
      this.#log.info({ from, validators: set.list.length }, 'other validators decide from this height on');
    }
    return knownFrom(voters);
  }

  /** The input is built here: with this key nothing is proven that somebody else made up. */
  #prove(place: { height: bigint; round: number; parentHash: Uint8Array }): Uint8Array {
    return vrfProve(this.#seed, electionInput({ ...place, networkId: this.#networkId }));
  }

  #certify(peerId: string, expires_ms: number): Uint8Array {
    checkCertificateRequest(peerId, expires_ms, this.#clock.now());
    const unsigned = { networkId: this.#networkId, peerId, expires_ms, publicKey: this.publicKey };
    return encodeCertificate({ ...unsigned, signature: sign(this.#seed, certificateSignBytes(unsigned)) });
  }
}
