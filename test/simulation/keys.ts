import { createHash, hash } from 'node:crypto';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
  decodeQc,
  encodeConsensusMessage,
  type QuorumCertificate,
  verifyQc,
  voteSignBytes,
} from '../../actors/pocket/chain/consensus.ts';
import { VRF_PROOF_BYTES, vrfProve, vrfVerify } from '../../actors/pocket/chain/ecvrf.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import { roundSignBytes, verifyTimeoutCertificate } from '../../actors/pocket/chain/timeout-certificate.ts';
import { isQuorumOf, type Validator, type ValidatorSet, validatorSet } from '../../actors/pocket/chain/validators.ts';
import { hotpokt, type Rules } from '../../actors/pocket/consensus/core/rules.ts';
import { publicKeyOf, sign, verify } from '../../wasm/ed25519.ts';

/** The keys of a simulated network and what checks their signatures. */
export interface Keys {
  /** Who decides the first height. */
  readonly validators: ValidatorSet;
  /** All that may ever be validators, by ascending address. */
  readonly all: readonly Validator[];
  sign(address: Uint8Array, bytes: Uint8Array): Uint8Array;
  verify(address: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
  verifyQc: Rules['verifyQc'];
  verifyTimeout: Rules['verifyTimeout'];
  /** A VRF proof, and its output or null. */
  prove(address: Uint8Array, input: Uint8Array): Uint8Array;
  draw: Rules['draw'];
}

/** Who else there is, and what votes weigh. */
export interface Membership {
  /** Keys that are not validators in the beginning. */
  readonly waiting?: number;
  /** Power of the validator that was made as the nth; 1 unless given. */
  readonly powerOf?: (index: number) => bigint;
}

export const NETWORK_ID = 'simulation';

function seedOf(index: number): Uint8Array {
  return createHash('sha256').update(`validator ${index}`).digest();
}

interface Named {
  readonly validators: ValidatorSet;
  readonly seeds: Map<string, Uint8Array>;
}

/** Networks by their size: deriving keys is a tenth of a short run. */
const NETWORKS = new Map<number, Named>();

/** A network's validators, and the seeds of their keys by address. */
export function keysOf(count: number): Named {
  const named = NETWORKS.get(count) ?? derive(count);
  NETWORKS.set(count, named);
  return named;
}

function derive(count: number): Named {
  const seeds = new Map<string, Uint8Array>();
  const list: Validator[] = [];
  for (let index = 0; index < count; index++) {
    const publicKey = publicKeyOf(seedOf(index));
    const address = addressOf(publicKey);
    seeds.set(toHex(address), seedOf(index));
    list.push({ address, publicKey, serviceUrl: `node${index}:1`, power: 1n });
  }
  return { validators: validatorSet(list), seeds };
}

function members(count: number, { waiting = 0, powerOf = () => 1n }: Membership) {
  const { validators, seeds } = keysOf(count + waiting);
  const indexOf = ({ serviceUrl }: Validator) => Number(/\d+/.exec(serviceUrl)?.[0]);
  const all = validators.list.map((one) => ({ ...one, power: powerOf(indexOf(one)) }));
  return { all, seeds, validators: validatorSet(all.filter((one) => indexOf(one) < count)) };
}

/** Signatures by Ed25519, as in a node. */
export function realKeys(count: number, membership: Membership = {}): Keys {
  const { all, validators, seeds } = members(count, membership);
  const publicKeys = new Map(all.map(({ address, publicKey }) => [toHex(address), publicKey]));
  return {
    validators,
    all,
    sign: (address, bytes) => sign(seeds.get(toHex(address))!, bytes),
    verify: (address, bytes, signature) => verify(publicKeys.get(toHex(address)) ?? NOBODY, bytes, signature),
    verifyQc: once(verifyQc),
    verifyTimeout: verifyTimeoutCertificate,
    prove: (address, input) => vrfProve(seeds.get(toHex(address))!, input),
    draw: ({ publicKey }, input, proof) => vrfVerify(publicKey, input, proof),
  };
}

/** Signatures by a keyed hash whose keys the simulation alone knows: as unforgeable in it, and a hundred times faster. */
export function modelKeys(count: number, membership: Membership = {}): Keys {
  const { all, validators, seeds } = members(count, membership);
  const signatureOf = (address: Uint8Array, bytes: Uint8Array): Uint8Array =>
    Uint8Array.from(hash('sha512', Buffer.concat([seeds.get(toHex(address)) ?? NOBODY, bytes]), 'buffer'));
  const isValid = (address: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean =>
    equalBytes(signatureOf(address, bytes), signature);
  return {
    validators,
    all,
    sign: signatureOf,
    verify: isValid,
    verifyQc: once((qc, set, networkId) => {
      const signers = new Set(qc.signatures.map(({ address }) => toHex(address)));
      const enough = signers.size === qc.signatures.length && isQuorumOf(set, qc.signatures);
      if (!enough || !signaturesFit(qc, set, networkId, isValid)) throw new Error('invalid certificate');
    }),
    verifyTimeout(certificate, set, networkId) {
      const fit = certificate.entries.every(({ address, justifyHash, signature }) =>
        isValid(address, roundSignBytes(certificate, { justifyHash }, networkId), signature),
      );
      if (!fit || !isQuorumOf(set, certificate.entries)) throw new Error('invalid certificate');
    },
    prove: (address, input) => {
      const output = signatureOf(address, input);
      return Uint8Array.from([...output, ...output.subarray(0, VRF_PROOF_BYTES - output.length)]);
    },
    draw: ({ address }, input, proof) => {
      const output = proof.slice(0, 64);
      return isValid(address, input, output) ? output : null;
    },
  };
}

const NOBODY = new Uint8Array(32);

/** Remembers which certificates are valid: in one world, all nodes see the same objects. */
function once(check: Rules['verifyQc']): Rules['verifyQc'] {
  const valid = new WeakMap<QuorumCertificate, string>();
  return (qc, set, networkId) => {
    const members = nameOf(set);
    if (valid.get(qc) === members) return;
    check(qc, set, networkId);
    valid.set(qc, members);
  };
}

const SETS = new WeakMap<ValidatorSet, string>();

/** Sets of the same members have the same name: each node has objects of its own. */
function nameOf(set: ValidatorSet): string {
  const known = SETS.get(set);
  if (known !== undefined) return known;
  const name = set.list.map(({ address, power }) => `${toHex(address)} ${power}`).join();
  SETS.set(set, name);
  return name;
}

/** True if every signature in the certificate is a known validator's. Says nothing about how many there are. */
export function signaturesFit(
  qc: QuorumCertificate,
  set: ValidatorSet,
  networkId: string,
  isValid: Keys['verify'],
): boolean {
  const bytes = voteSignBytes({ networkId, ...qc });
  return qc.signatures.every(
    ({ address, signature }) => set.byAddress(toHex(address)) !== undefined && isValid(address, bytes, signature),
  );
}

/** Certificates by the bytes that they were read from. */
const READ = new WeakMap<Uint8Array, QuorumCertificate>();

/** The codec, once for the same bytes: they travel by reference here. */
function readQc(bytes: Uint8Array): QuorumCertificate {
  const earlier = READ.get(bytes);
  if (earlier) return earlier;
  const qc = decodeQc(bytes);
  READ.set(bytes, qc);
  return qc;
}

export function rulesWith(keys: Keys, changes: Partial<Rules> = {}): Rules {
  const { verifyQc, verifyTimeout, draw } = keys;
  return { ...hotpokt, decodeQc: readQc, verifyQc, verifyTimeout, draw, ...changes };
}

const TEXTS = new WeakMap<Uint8Array, string>();

/** An address in hex: the same few objects stand in all messages. */
function hexOf(address: Uint8Array): string {
  const known = TEXTS.get(address) ?? toHex(address);
  TEXTS.set(address, known);
  return known;
}

/** What the shell of a node does before its core sees a message: anyone can send anything. */
export class Door {
  readonly #keys: Keys;
  /** Verdicts by message: all receivers get the same object. */
  readonly #known = new WeakMap<ConsensusMessage, boolean>();

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** True if one of these validators signed it. */
  isAuthentic(validators: ValidatorSet, message: ConsensusMessage): boolean {
    return validators.byAddress(hexOf(message.address)) !== undefined && this.#isSigned(message);
  }

  #isSigned(message: ConsensusMessage): boolean {
    const earlier = this.#known.get(message);
    if (earlier !== undefined) return earlier;
    const authentic =
      hasForm(message) && this.#keys.verify(message.address, consensusSignBytes(message), message.signature);
    this.#known.set(message, authentic);
    return authentic;
  }
}

/** Messages travel as objects here; what has no encoding could not travel at all. */
function hasForm(message: ConsensusMessage): boolean {
  try {
    encodeConsensusMessage(message);
    return true;
  } catch {
    return false;
  }
}
