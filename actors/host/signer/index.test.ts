import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createKey } from '../../../config/keystore.ts';
import { defineActor, type Peer } from '../../../runtime/actor.ts';
import { defineProtocol } from '../../../runtime/protocol.ts';
import { type HostedActor, SingleThreadHost } from '../../../runtime/single-thread.ts';
import { verify } from '../../../wasm/ed25519.ts';
import { blockHash as blockHashOf, encodeHeader } from '../../pocket/chain/block.ts';
import {
  consensusSignBytes,
  encodeQc,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../pocket/chain/consensus.ts';
import { TEST_NETWORK, testHeader, testQc, testValidators } from '../../pocket/chain/testing.ts';
import { type Validator, validatorSet, validatorSetHash } from '../../pocket/chain/validators.ts';
import type { SignerStart } from './config.ts';
import signer from './index.ts';
import { type SignerProtocol, signerProtocol } from './protocol.ts';

const home = mkdtempSync(join(tmpdir(), 'potoroo-signer-'));
after(() => rmSync(home, { recursive: true }));

const validators = testValidators(4);
const blockHash = new Uint8Array(32).fill(9);
const prepare = { height: 5n, round: 0, step: STEP_PREPARE, blockHash };
/** A vote that takes the QC as its highest prepareQC. */
const vote = { type: MESSAGE_VOTE, height: 5n, round: 0, step: STEP_PRECOMMIT, blockHash };

const { path } = await createKey(home, { unencrypted: true, name: 'validator', seed: validators[0]!.seed });

async function hosted(record: string): Promise<{ host: SingleThreadHost; peer: Peer<SignerProtocol> }> {
  const config: SignerStart = {
    signer: { key_file: path, record_file: join(home, record), remote: '', remote_key_file: '' },
    networkId: TEST_NETWORK,
    validators,
  };
  let peer: Peer<SignerProtocol> | undefined;
  const probe = defineActor({
    protocol: defineProtocol('probe', {}),
    uses: [signerProtocol],
    listens: [],
    start(context) {
      peer = context.peer(signerProtocol);
      return { tell: {}, ask: {}, stop: () => undefined };
    },
  });
  const actors = [signer, probe].map((definition) => ({ definition, config })) as unknown as HostedActor[];
  const host = new SingleThreadHost(actors, { seed: 1n });
  await host.start();
  return { host, peer: peer! };
}

test('a QC that is none is refused and changes nothing; a real one is signed for', async () => {
  const { host, peer } = await hosted('qcs');
  const sign = async (justify: Uint8Array) => {
    const answer = peer.ask('sign', { ...vote, justify });
    answer.catch(() => undefined); // awaited below, once virtual time has passed
    await host.advance(10);
    return answer;
  };
  const real = testQc(validators.slice(0, 3), prepare);
  const [first, ...others] = real.signatures;
  const forged = { ...real, signatures: [{ ...first!, signature: new Uint8Array(64) }, ...others] };

  await assert.rejects(sign(encodeQc(forged)), { code: 'QC_SIGNATURE_INVALID' });
  await assert.rejects(sign(encodeQc(testQc(validators.slice(0, 2), prepare))), { code: 'QC_TOO_FEW_SIGNERS' });
  const foreign = testValidators(7).filter(({ seed }) => seed[0]! > validators.length);
  await assert.rejects(sign(encodeQc(testQc(foreign, prepare))), { code: 'QC_UNKNOWN_SIGNER' });

  const record = peer.ask('record', {});
  await host.advance(10);
  assert.equal((await record).prepareQc, null);

  const { signature } = await sign(encodeQc(real));
  const signed = consensusSignBytes({ ...vote, justify: null, networkId: TEST_NETWORK });
  assert.ok(verify(validators[0]!.publicKey, signed, signature));
  await host.stop();
});

/** A commit QC of three of the four validators, the signer's own key among them or not. */
function commitQc(height: bigint, options: { own: boolean; round?: number; block?: Uint8Array }): Uint8Array {
  const signers = options.own ? validators.slice(0, 3) : validators.slice(1);
  const { round = 0, block = blockHash } = options;
  return encodeQc(testQc(signers, { height, round, step: STEP_COMMIT, blockHash: block }));
}

async function answered<T>(host: SingleThreadHost, answer: Promise<T>): Promise<T> {
  answer.catch(() => undefined); // awaited below, once virtual time has passed
  await host.advance(10);
  return answer;
}

test('a vote of its key that the record does not hold silences the signer, through restarts, until accepted', async () => {
  const { host, peer } = await hosted('stale');
  const witness = (qc: Uint8Array) => answered(host, peer.ask('witness', { qc }));
  const prepareVote = { ...vote, step: STEP_PREPARE, justify: null };
  await answered(host, peer.ask('sign', { ...prepareVote, height: 4n }));

  assert.deepEqual(await witness(commitQc(3n, { own: true })), { ok: true });
  assert.deepEqual(await witness(commitQc(9n, { own: false })), { ok: true });
  await answered(host, peer.ask('sign', prepareVote));

  // Named as a signer, but the signature is not of this key: anybody can make that.
  const real = testQc(validators.slice(0, 3), { height: 7n, round: 0, step: STEP_COMMIT, blockHash });
  const own = real.signatures.find(({ address }) => address.every((byte, i) => byte === validators[0]!.address[i]));
  own!.signature = new Uint8Array(64).fill(1);
  assert.deepEqual(await witness(encodeQc(real)), { ok: true });

  assert.deepEqual(await witness(commitQc(7n, { own: true })), { ok: false });
  const refusal = { code: 'SIGNER_RECORD_STALE', message: /height 7.*ends at height 5.*signer import/ };
  await assert.rejects(answered(host, peer.ask('sign', { ...prepareVote, height: 8n })), refusal);
  await host.kill('signer');
  await host.restart('signer');
  await assert.rejects(answered(host, peer.ask('sign', { ...prepareVote, height: 8n })), refusal);
  assert.deepEqual(await witness(commitQc(3n, { own: false })), { ok: false });
  await host.stop();
});

test('a commit vote of its key for another block than the recorded one is noticed in the same view', async () => {
  const { host, peer } = await hosted('twin');
  const justify = encodeQc(testQc(validators.slice(0, 3), { ...prepare, step: STEP_PRECOMMIT }));
  await answered(host, peer.ask('sign', { ...vote, step: STEP_COMMIT, justify }));
  const witness = (qc: Uint8Array) => answered(host, peer.ask('witness', { qc }));
  assert.deepEqual(await witness(commitQc(5n, { own: true })), { ok: true });
  assert.deepEqual(await witness(commitQc(5n, { own: true, block: new Uint8Array(32).fill(1) })), { ok: false });
  await host.stop();
});

test('a new record that is shown a chain leaves out the height that may be in progress', async () => {
  const { host, peer } = await hosted('fresh');
  const witness = (qc: Uint8Array) => answered(host, peer.ask('witness', { qc }));
  const prepareVote = { ...vote, step: STEP_PREPARE, justify: null };
  const forged = testQc(validators.slice(1, 3), { height: 90n, round: 0, step: STEP_COMMIT, blockHash });
  await assert.rejects(witness(encodeQc(forged)), { code: 'QC_TOO_FEW_SIGNERS' });
  await assert.rejects(witness(new Uint8Array([1])), { code: 'QC_MALFORMED' });
  assert.deepEqual(await witness(commitQc(40n, { own: false })), { ok: true });
  await assert.rejects(answered(host, peer.ask('sign', { ...prepareVote, height: 41n })), { code: 'SIGN_BELOW_FLOOR' });
  await answered(host, peer.ask('sign', { ...prepareVote, height: 42n }));
  await host.stop();
});

test('certificates of a new set of validators are taken once the header is shown that made it, after restarts, too', async () => {
  const { host, peer } = await hosted('voters');
  const newcomers = testValidators(7).slice(0, 6);
  const hashOf = (list: readonly Validator[]) => validatorSetHash(validatorSet(list));
  const header = { ...testHeader(), height: 4n, valSetHash: hashOf(validators), nextValSetHash: hashOf(newcomers) };
  const decided = { height: 4n, round: 0, step: STEP_COMMIT, blockHash: blockHashOf(header) };
  const change = {
    header: encodeHeader(header),
    commitQc: encodeQc(testQc(validators.slice(1), decided)),
    validators: newcomers.map(({ address, publicKey, power }) => ({ address, publicKey, power })),
  };
  const justify = encodeQc(testQc(newcomers.slice(1), prepare));
  await assert.rejects(answered(host, peer.ask('sign', { ...vote, justify })), { code: 'QC_UNKNOWN_SIGNER' });
  assert.deepEqual(await answered(host, peer.ask('voters', {})), { from: 1n });
  assert.deepEqual(await answered(host, peer.ask('trust', change)), { from: 5n });
  await host.kill('signer');
  await host.restart('signer');
  assert.deepEqual(await answered(host, peer.ask('voters', {})), { from: 5n });
  const former = encodeQc(testQc(validators, prepare));
  await assert.rejects(answered(host, peer.ask('sign', { ...vote, justify: former })), { code: /^QC_/ });
  await answered(host, peer.ask('sign', { ...vote, justify }));
  await host.stop();
});
