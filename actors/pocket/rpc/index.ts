import { type Behaviour, type Context, defineActor } from '../../../runtime/actor.ts';
import { mainProtocol } from '../../../runtime/main-protocol.ts';
import { consensusProtocol } from '../consensus/protocol.ts';
import { p2pProtocol } from '../p2p/protocol.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import { utilityProtocol } from '../utility/protocol.ts';
import type { RpcStart } from './config.ts';
import { createApi } from './io/api.ts';
import { Database } from './io/database.ts';
import { close, listen } from './io/server.ts';
import { rpcMetrics } from './metrics.ts';
import { type RpcProtocol, rpcProtocol } from './protocol.ts';

/** Listens once the peers are connected: a client never sees an API that cannot answer yet. */
async function start(context: Context<RpcProtocol, RpcStart>): Promise<Behaviour<RpcProtocol>> {
  const { clock, log } = context;
  const { rpc: config, version } = context.config;
  const metrics = rpcMetrics(context.metrics);
  const database = new Database({
    ...context.config.database,
    connections: config.database_connections,
    statementTimeout_ms: config.statement_timeout_ms,
    maxQueries: config.max_concurrent_queries,
    clock,
    metrics,
  });
  const parts = {
    config,
    version,
    clock,
    log,
    metrics,
    database,
    utility: context.peer(utilityProtocol),
    consensus: context.peer(consensusProtocol),
    p2p: context.peer(p2pProtocol),
    persistence: context.peer(persistenceProtocol),
    supervisor: context.peer(mainProtocol),
  };
  const app = await createApi(parts);
  return {
    tell: {},
    ask: {},
    ready: () => listen(app, parts),
    async stop() {
      await close(app, parts);
      await database.stop();
    },
  };
}

export default defineActor<RpcProtocol, RpcStart>({
  protocol: rpcProtocol,
  uses: [utilityProtocol, consensusProtocol, p2pProtocol, persistenceProtocol, mainProtocol],
  listens: [],
  start,
});
