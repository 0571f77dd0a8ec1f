import { loadKey } from '../../../config/keystore.ts';
import { defineActor } from '../../../runtime/actor.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { toErrorRecord } from '../../../runtime/errors.ts';
import { publicKeyOf, sign } from '../../../wasm/ed25519.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { LruMap } from '../../../wasm/lru.ts';
import { addressOf } from '../../pocket/chain/address.ts';
import { certificateSignBytes, encodeCertificate } from '../../pocket/chain/certificate.ts';
import { consensusSignBytes, MESSAGE_VOTE, verifyQc } from '../../pocket/chain/consensus.ts';
import { vrfProve } from '../../pocket/chain/ecvrf.ts';
import { toHex } from '../../pocket/chain/hex.ts';
import { electionInput } from '../../pocket/chain/sortition.ts';
import { type ValidatorSet, validatorSet } from '../../pocket/chain/validators.ts';
import type { SignerStart } from './config.ts';
import { checkCertificateRequest } from './core/certify.ts';
import { type CheckedRequest, checkRequest } from './core/request.ts';
import { decide, type SafetyState } from './core/rules.ts';
import { RecordFile } from './io/record-file.ts';
import { type SignerMetrics, signerMetrics } from './metrics.ts';
import { type SignRequest, signerProtocol } from './protocol.ts';

/** A view has four; the rest are those of late repeats. */
const REMEMBERED_QCS = 64;

type Network = Pick<SignerStart, 'networkId' | 'validators'>;

/** The only holder of the seed: it leaves this object as signatures. */
class Signer {
  readonly publicKey: Uint8Array;
  readonly address: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #networkId: string;
  readonly #validators: ValidatorSet;
  readonly #record: RecordFile;
  readonly #clock: Clock;
  readonly #metrics: SignerMetrics;
  /** Digests of QCs that were verified: a QC comes with a proposal, a vote, and their repeats. */
  readonly #verified = new LruMap<string, true>(REMEMBERED_QCS);

  constructor(network: Network, seed: Uint8Array, record: RecordFile, clock: Clock, metrics: SignerMetrics) {
    this.#seed = seed;
    this.publicKey = publicKeyOf(seed);
    this.address = addressOf(this.publicKey);
    this.#networkId = network.networkId;
    this.#validators = validatorSet(network.validators);
    this.#record = record;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  get state(): SafetyState {
    return this.#record.state;
  }

  /** The order is the safety: decide, sign, make durable, and only then let the signature out. */
  sign(request: SignRequest): Uint8Array {
    const checked = checkRequest(request);
    this.#verify(checked);
    // A vote is the same whichever set of signers made the QC that led to it.
    const justify = checked.type === MESSAGE_VOTE ? null : checked.justify;
    const bytes = consensusSignBytes({ ...checked, justify, networkId: this.#networkId });
    const decision = decide(this.#record.state, checked, sha256(bytes));
    if (decision.kind === 'repeat') return decision.signature;
    const signature = sign(this.#seed, bytes);
    const started_ns = this.#clock.monotonic_ns();
    this.#record.write(decision.next(signature));
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
    verifyQc(justifyQc, this.#validators, this.#networkId);
    this.#verified.set(digest, true);
  }

  /** The input is built here: with this key nothing is proven that somebody else made up. */
  prove(place: { height: bigint; round: number; parentHash: Uint8Array }): Uint8Array {
    return vrfProve(this.#seed, electionInput({ ...place, networkId: this.#networkId }));
  }

  certify(peerId: string, expires_ms: number): Uint8Array {
    checkCertificateRequest(peerId, expires_ms, this.#clock.now());
    const unsigned = { networkId: this.#networkId, peerId, expires_ms, publicKey: this.publicKey };
    return encodeCertificate({ ...unsigned, signature: sign(this.#seed, certificateSignBytes(unsigned)) });
  }
}

/** Faults after which the state in memory and on disk may differ: the actor must be started again, or stay dead. */
const FATAL = new Set(['SIGNER_RECORD_IO', 'SIGNER_RECORD_CHANGED']);

export default defineActor<typeof signerProtocol, SignerStart>({
  protocol: signerProtocol,
  uses: [],
  listens: [],
  async start(context) {
    const { log } = context;
    const { networkId, signer: config, password } = context.config;
    const { seed } = await loadKey(config.key_file, password);
    const address = addressOf(publicKeyOf(seed));
    const { file, created } = RecordFile.open(config.record_file, { address, networkId });
    const { height, round, step } = file.state;
    const place = { address: toHex(address), file: config.record_file, height, round, step };
    if (created) log.warn(place, 'new safety record: right only if this key has never signed on this network');
    else log.info(place, 'safety record restored');

    const metrics = signerMetrics(context.metrics);
    const signer = new Signer(context.config, seed, file, context.clock, metrics);
    const counted = <T>(action: () => T): T => {
      try {
        return action();
      } catch (error) {
        const { code } = toErrorRecord(error);
        metrics.refusals.inc({ code });
        if (FATAL.has(code)) context.fail(error);
        throw error;
      }
    };
    return {
      tell: {},
      ask: {
        identity: () => ({ publicKey: signer.publicKey, address: signer.address }),
        sign: (request) => ({ signature: counted(() => signer.sign(request)) }),
        record: () => {
          const { height, round, step, prepareQc, lockedQc } = signer.state;
          return { height, round, step, prepareQc, lockedQc };
        },
        prove: (place) => ({ proof: counted(() => signer.prove(place)) }),
        certify: ({ peerId, expires_ms }) => ({ certificate: counted(() => signer.certify(peerId, expires_ms)) }),
      },
      stop: () => file.close(),
    };
  },
});
