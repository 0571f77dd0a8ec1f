import { type Behaviour, type Context, defineActor } from '../../../runtime/actor.ts';
import { consensusProtocol } from '../consensus/protocol.ts';
import { p2pProtocol } from '../p2p/protocol.ts';
import { utilityProtocol } from '../utility/protocol.ts';
import type { RpcConfig } from './config.ts';
import { clientRoutes } from './io/client_routes.ts';
import { Database } from './io/database.ts';
import { nodeRoutes } from './io/node_routes.ts';
import { queries } from './io/queries.ts';
import { queryRoutes } from './io/query_routes.ts';
import { close, createServer, listen } from './io/server.ts';
import { rpcMetrics } from './metrics.ts';
import { type RpcProtocol, rpcProtocol } from './protocol.ts';

/** Listens once the peers are connected: a client never sees an API that cannot answer yet. */
async function start(context: Context<RpcProtocol, RpcConfig>): Promise<Behaviour<RpcProtocol>> {
  const { config, clock, log } = context;
  const metrics = rpcMetrics(context.metrics);
  const parts = { config, clock, log, metrics };
  const database = new Database({
    url: config.database_url,
    schema: config.database_schema,
    connections: config.database_connections,
    statementTimeout_ms: config.statement_timeout_ms,
    maxQueries: config.max_concurrent_queries,
    clock,
    metrics,
  });
  const app = await createServer(parts);
  const read = queries(database);
  const utility = context.peer(utilityProtocol);
  nodeRoutes(app, {
    clock,
    version: config.version,
    consensus: context.peer(consensusProtocol),
    p2p: context.peer(p2pProtocol),
    queries: read,
  });
  clientRoutes(app, {
    utility,
    metrics,
    maxSubmits: config.max_concurrent_submits,
    maxBodyBytes: config.max_body_bytes,
  });
  queryRoutes(app, read, utility);
  return {
    tell: {},
    ask: {},
    ready: () => listen(app, parts),
    async stop() {
      await close(app, parts);
      await database.stop(config.drain_timeout_ms);
    },
  };
}

export default defineActor<RpcProtocol, RpcConfig>({
  protocol: rpcProtocol,
  uses: [utilityProtocol, consensusProtocol, p2pProtocol],
  listens: [],
  start,
});
