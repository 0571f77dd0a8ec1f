import { defineActor } from '../../../runtime/actor.ts';
import type { SignerStart } from './config.ts';
import { signerMetrics } from './metrics.ts';
import { signerProtocol } from './protocol.ts';
import { Signer } from './signer.ts';

export default defineActor<typeof signerProtocol, SignerStart>({
  protocol: signerProtocol,
  uses: [],
  listens: [],
  async start(context) {
    const { clock, log } = context;
    const signer = await Signer.open(context.config, { clock, log, metrics: signerMetrics(context.metrics) });
    return {
      tell: {},
      ask: signer.answers((error) => context.fail(error)),
      stop: () => signer.close(),
    };
  },
});
