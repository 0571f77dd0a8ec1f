import { loadNodeKey } from '../../../net/node-key.ts';
import { defineActor, listen } from '../../../runtime/actor.ts';
import { signerProtocol } from '../../host/signer/protocol.ts';
import { parseGenesis } from '../chain/genesis.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import { utilityProtocol } from '../utility/protocol.ts';
import type { P2pStart } from './config.ts';
import { Network } from './io/network.ts';
import { MAX_REQUESTS } from './io/sync-client.ts';
import { p2pProtocol } from './protocol.ts';

export default defineActor<typeof p2pProtocol, P2pStart>({
  protocol: p2pProtocol,
  // Nothing is asked of utility: whether it is ready is all that matters here.
  uses: [signerProtocol, persistenceProtocol, utilityProtocol],
  listens: [persistenceProtocol],
  async start(context) {
    const { clock, random, log, metrics } = context;
    const config = context.config.p2p;
    const utility = context.peer(utilityProtocol);
    const network = await Network.listen(
      {
        config,
        genesis: parseGenesis(context.config.genesis),
        key: await loadNodeKey(config.key_file, random, 'p2p.key_file'),
        signer: context.peer(signerProtocol),
        persistence: context.peer(persistenceProtocol),
        clock,
        random,
        log,
        metrics,
      },
      {
        consensusMessage: (from, message) => context.emit('consensusMessage', { from, message }),
        transactions: (transactions, peerId) => context.emit('transactions', { transactions, peerId }),
        transactionsWanted: () => utility.ready,
        connected: (validators, addresses) => context.emit('connected', { validators, addresses }),
      },
    );
    return {
      tell: {
        broadcast: ({ message }) => network.broadcast(message),
        send: ({ to, message }) => network.send(to, message),
        gossip: ({ transactions }) => network.gossip(transactions),
        accuse: ({ address, reason }) => network.accuse(address, reason),
      },
      ask: {
        peers: () => network.peers(),
        request: async ({ to, request }, { deadline_ms }) => {
          const timeout_ms = Math.max(1, Math.floor(Math.min(deadline_ms - clock.now(), MAX_TIMEOUT_ms)));
          return { response: await network.request(to, request, timeout_ms) };
        },
      },
      on: listen(persistenceProtocol, {
        committed: ({ height, validators }) => network.committed(height, validators),
      }),
      parallel: { sync: MAX_REQUESTS },
      ready: () => network.start(),
      rebound: () => network.rebound(),
      stop: () => network.stop(),
    };
  },
});

/** An asker that names no deadline waits no longer than this for a peer. */
const MAX_TIMEOUT_ms = 60_000;
