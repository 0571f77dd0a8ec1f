import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createKey } from '../../../config/keystore.ts';
import { defineActor, type Peer } from '../../../runtime/actor.ts';
import { defineProtocol } from '../../../runtime/protocol.ts';
import { type HostedActor, SingleThreadHost } from '../../../runtime/single-thread.ts';
import { verifyCertificate } from '../../pocket/chain/certificate.ts';
import { MESSAGE_PROPOSE, MESSAGE_VOTE, STEP_PREPARE, verifyConsensusMessage } from '../../pocket/chain/consensus.ts';
import { fromHex } from '../../pocket/chain/hex.ts';
import { validatorSet } from '../../pocket/chain/validators.ts';
import signer from './index.ts';
import { type SignerProtocol, type SignRequest, signerProtocol } from './protocol.ts';

const directory = mkdtempSync(join(tmpdir(), 'potoroo-signer-'));
after(() => rmSync(directory, { recursive: true }));
const NOW = 1_800_000_000_000;

async function started(
  name: string,
): Promise<{ host: SingleThreadHost; peer: Peer<SignerProtocol>; publicKey: Uint8Array }> {
  const key = await createKey(join(directory, name), { unencrypted: true });
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
  const config = {
    networkId: 'test-1',
    signer: { key_file: key.path, record_file: join(directory, name, 'record') },
  };
  const actors = [
    { definition: signer, config },
    { definition: probe, config: {} },
  ];
  const host = new SingleThreadHost(actors as unknown as HostedActor[], { seed: 1n, start_ms: NOW });
  await host.start();
  return { host, peer: peer!, publicKey: fromHex(key.publicKey) };
}

async function answer<T>(host: SingleThreadHost, promise: Promise<T>): Promise<T> {
  const settled = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await host.advance(10);
  const outcome = await settled;
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

const vote: SignRequest = {
  type: MESSAGE_VOTE,
  height: 3n,
  round: 1,
  step: STEP_PREPARE,
  blockHash: new Uint8Array(32).fill(5),
  justify: null,
};

test('what it signs verifies, and is the same after its death', async () => {
  const { host, peer, publicKey } = await started('signs');
  const { address } = await answer(host, peer.ask('identity', {}));
  const validators = validatorSet([{ address, publicKey, serviceUrl: '' }]);
  const { signature } = await answer(host, peer.ask('sign', vote));
  const message = { ...vote, block: null, address, signature, networkId: 'test-1' };
  assert.deepEqual(Buffer.from(verifyConsensusMessage(message, validators).address), Buffer.from(address));

  await host.kill('signer');
  await host.restart('signer');
  await host.advance(10);
  assert.deepEqual(await answer(host, peer.ask('sign', vote)), { signature });
  const other = { ...vote, blockHash: new Uint8Array(32).fill(6) };
  await assert.rejects(answer(host, peer.ask('sign', other)), { code: 'SIGN_CONFLICT' });
  await assert.rejects(answer(host, peer.ask('sign', { ...vote, type: MESSAGE_PROPOSE })), { code: 'SIGN_BEHIND' });
  const record = await answer(host, peer.ask('record', {}));
  assert.deepEqual(record, { height: 3n, round: 1, step: STEP_PREPARE, prepareQc: null, lockedQc: null });
  await host.stop();
});

test('it certifies a peer id for a time', async () => {
  const { host, peer, publicKey } = await started('certifies');
  const { address } = await answer(host, peer.ask('identity', {}));
  const peerId = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
  const { certificate } = await answer(host, peer.ask('certify', { peerId, expires_ms: NOW + 60_000 }));
  const validators = validatorSet([{ address, publicKey, serviceUrl: '' }]);
  const expected = { networkId: 'test-1', peerId, now_ms: NOW, validators };
  assert.deepEqual(Buffer.from(verifyCertificate(certificate, expected)), Buffer.from(address));
  for (const bad of [
    { peerId, expires_ms: NOW - 1 },
    { peerId, expires_ms: NOW + 366 * 86_400_000 },
    { peerId: 'not a peer', expires_ms: NOW + 60_000 },
  ]) {
    await assert.rejects(answer(host, peer.ask('certify', bad)), { code: 'CERTIFICATE_INVALID' });
  }
  await host.stop();
});

test('bad requests are refused and the actor lives on', async () => {
  const { host, peer } = await started('refuses');
  for (const bad of [
    { ...vote, height: 0n },
    { ...vote, blockHash: new Uint8Array(3) },
    { ...vote, justify: new Uint8Array([1, 2, 3]) },
  ]) {
    await assert.rejects(answer(host, peer.ask('sign', bad)), (error: { code?: string }) =>
      /^(SIGN_INVALID|QC_)/.test(error.code ?? ''),
    );
  }
  await answer(host, peer.ask('sign', vote));
  await host.stop();
});
