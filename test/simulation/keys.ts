import { createHash } from 'node:crypto';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
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
  readonly validators: ValidatorSet;
  sign(address: Uint8Array, bytes: Uint8Array): Uint8Array;
  verify(address: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
  verifyQc: Rules['verifyQc'];
  verifyTimeout: Rules['verifyTimeout'];
  /** A VRF proof, and its output or null. */
  prove(address: Uint8Array, input: Uint8Array): Uint8Array;
  draw: Rules['draw'];
}

export const NETWORK_ID = 'simulation';

function seedOf(index: number): Uint8Array {
  return createHash('sha256').update(`validator ${index}`).digest();
}

/** A network's validators, and the seeds of their keys by address. */
export function keysOf(count: number): { validators: ValidatorSet; seeds: Map<string, Uint8Array> } {
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

/** Signatures by Ed25519, as in a node. */
export function realKeys(count: number): Keys {
  const { validators, seeds } = keysOf(count);
  return {
    validators,
    sign: (address, bytes) => sign(seeds.get(toHex(address))!, bytes),
    verify: (address, bytes, signature) =>
      verify(validators.byAddress(toHex(address))?.publicKey ?? new Uint8Array(32), bytes, signature),
    verifyQc,
    verifyTimeout: verifyTimeoutCertificate,
    prove: (address, input) => vrfProve(seeds.get(toHex(address))!, input),
    draw: ({ publicKey }, input, proof) => vrfVerify(publicKey, input, proof),
  };
}

/** Signatures by a keyed hash whose keys the simulation alone knows: as unforgeable in it, and a hundred times faster. */
export function modelKeys(count: number): Keys {
  const { validators, seeds } = keysOf(count);
  const signatureOf = (address: Uint8Array, bytes: Uint8Array): Uint8Array => {
    const seed = seeds.get(toHex(address)) ?? new Uint8Array();
    return createHash('sha512').update(seed).update(bytes).digest();
  };
  const isValid = (address: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean =>
    equalBytes(signatureOf(address, bytes), signature);
  return {
    validators,
    sign: signatureOf,
    verify: isValid,
    verifyQc(qc, set, networkId) {
      const signers = new Set(qc.signatures.map(({ address }) => toHex(address)));
      const enough = signers.size === qc.signatures.length && isQuorumOf(set, qc.signatures);
      if (!enough || !signaturesFit(qc, set, networkId, isValid)) throw new Error('invalid certificate');
    },
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

export function rulesWith(keys: Keys, changes: Partial<Rules> = {}): Rules {
  return { ...hotpokt, verifyQc: keys.verifyQc, verifyTimeout: keys.verifyTimeout, draw: keys.draw, ...changes };
}

/** What the shell of a node does before its core sees a message. */
export function isAuthentic(keys: Keys, message: ConsensusMessage): boolean {
  return keys.verify(message.address, consensusSignBytes(message), message.signature);
}
