import { type Behaviour, type Context, defineActor } from '../../../runtime/actor.ts';
import type { SignerStart } from './config.ts';
import { signerMetrics } from './metrics.ts';
import { type SignerProtocol, signerProtocol } from './protocol.ts';
import { Signer } from './signer.ts';

async function start(context: Context<SignerProtocol, SignerStart>): Promise<Behaviour<SignerProtocol>> {
  const { clock, log, config } = context;
  if (config.signer.remote !== '') {
    // The libraries of the connection take a while to load: a signer with its key at hand does without them.
    const { startRemote } = await import('./remote.ts');
    return startRemote(context);
  }
  const signer = await Signer.open(config, { clock, log, metrics: signerMetrics(context.metrics) });
  return {
    tell: {},
    ask: signer.answers((error) => context.fail(error)),
    stop: () => signer.close(),
  };
}

export default defineActor<SignerProtocol, SignerStart>({ protocol: signerProtocol, uses: [], listens: [], start });
