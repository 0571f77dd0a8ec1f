import { loadNodeKey } from '../../../net/node-key.ts';
import type { Behaviour, Context } from '../../../runtime/actor.ts';
import type { SignerStart } from './config.ts';
import { RemoteClient } from './io/remote-client.ts';
import { remoteSignerMetrics } from './metrics.ts';
import type { SignerProtocol } from './protocol.ts';

/** The actor of a node whose signer is another process: carries every question there. */
export async function startRemote(context: Context<SignerProtocol, SignerStart>): Promise<Behaviour<SignerProtocol>> {
  const { clock, random, log } = context;
  const { signer, networkId } = context.config;
  const client = await RemoteClient.start({
    address: signer.remote,
    key: await loadNodeKey(signer.remote_key_file, random, 'signer.remote_key_file'),
    networkId,
    clock,
    random,
    log,
    metrics: remoteSignerMetrics(context.metrics),
  });
  return {
    tell: {},
    ask: {
      identity: () => client.identity(),
      sign: (request) => client.ask('sign', request),
      prove: (place) => client.ask('prove', place),
      record: () => client.ask('record', {}),
      witness: (body) => client.ask('witness', body),
      trust: (body) => client.ask('trust', body),
      voters: () => client.ask('voters', {}),
      certify: (body) => client.ask('certify', body),
    },
    stop: () => client.stop(),
  };
}
