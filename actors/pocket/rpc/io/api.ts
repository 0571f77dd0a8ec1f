import type { FastifyInstance } from 'fastify';
import type { Peer } from '../../../../runtime/actor.ts';
import type { MainProtocol } from '../../../../runtime/main-protocol.ts';
import type { ConsensusProtocol } from '../../consensus/protocol.ts';
import type { P2pProtocol } from '../../p2p/protocol.ts';
import type { PersistenceProtocol } from '../../persistence/protocol.ts';
import type { UtilityProtocol } from '../../utility/protocol.ts';
import { clientRoutes } from './client_routes.ts';
import type { Database } from './database.ts';
import { nodeRoutes } from './node_routes.ts';
import { proofRoutes } from './proof_routes.ts';
import { queries } from './queries.ts';
import { queryRoutes } from './query_routes.ts';
import { createServer, type ServerParts } from './server.ts';

/** All that the routes need. */
export interface ApiParts extends ServerParts {
  readonly database: Database;
  readonly utility: Peer<UtilityProtocol>;
  readonly consensus: Peer<ConsensusProtocol>;
  readonly p2p: Peer<P2pProtocol>;
  readonly persistence: Peer<PersistenceProtocol>;
  readonly supervisor: Peer<MainProtocol>;
}

/** The server with every route, not yet listening. */
export async function createApi(parts: ApiParts): Promise<FastifyInstance> {
  const { config, clock, version, consensus, p2p, persistence, supervisor, utility, metrics } = parts;
  const app = await createServer(parts);
  const read = queries(parts.database);
  nodeRoutes(app, { clock, version, consensus, p2p, supervisor, queries: read });
  clientRoutes(app, {
    utility,
    metrics,
    maxSubmits: config.max_concurrent_submits,
    maxBodyBytes: config.max_body_bytes,
  });
  queryRoutes(app, read, utility);
  proofRoutes(app, persistence, config.max_concurrent_proofs);
  return app;
}
