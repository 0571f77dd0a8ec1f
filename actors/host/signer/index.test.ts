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
import {
  consensusSignBytes,
  encodeQc,
  MESSAGE_VOTE,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../pocket/chain/consensus.ts';
import { TEST_NETWORK, testQc, testValidators } from '../../pocket/chain/testing.ts';
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

async function hosted(): Promise<{ host: SingleThreadHost; peer: Peer<SignerProtocol> }> {
  const { path } = await createKey(home, { unencrypted: true, name: 'validator', seed: validators[0]!.seed });
  const config: SignerStart = {
    signer: { key_file: path, record_file: join(home, 'record') },
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
  const { host, peer } = await hosted();
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
