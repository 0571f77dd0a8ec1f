import type { FastifyInstance } from 'fastify';
import type { Peer } from '../../../../runtime/actor.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { toErrorRecord } from '../../../../runtime/errors.ts';
import type { MainProtocol } from '../../../../runtime/main-protocol.ts';
import type { ConsensusProtocol } from '../../consensus/protocol.ts';
import type { P2pProtocol, PeerInfo } from '../../p2p/protocol.ts';
import { consensusStateAnswer, errorAnswer, type HealthAnswer, healthAnswer, peersAnswer } from '../core/answers.ts';
import { cached } from '../core/cached.ts';
import { type Finding, healthOf } from '../core/health.ts';
import type { Queries } from './queries.ts';

/** Health is asked by probes and load balancers, many times a second: how long one answer serves all of them. */
const HEALTH_CACHE_MS = 250;
/** The round may change many times a second; this is as fresh as a client can use. */
const STATE_CACHE_MS = 50;
/** A part that does not answer a health question within this time is not well. */
const HEALTH_TIMEOUT_MS = 1_000;

interface NodeParts {
  readonly clock: Clock;
  readonly version: string;
  readonly consensus: Peer<ConsensusProtocol>;
  readonly p2p: Peer<P2pProtocol>;
  readonly supervisor: Peer<MainProtocol>;
  readonly queries: Queries;
}

/** Routes about the node itself. */
export function nodeRoutes(app: FastifyInstance, parts: NodeParts): void {
  const { clock, consensus, p2p } = parts;
  const health = cached(clock, HEALTH_CACHE_MS, () => askHealth(parts));
  const state = cached(clock, STATE_CACHE_MS, () => consensus.ask('state', {}));
  const peers = cached(clock, HEALTH_CACHE_MS, () => p2p.ask('peers', {}));

  app.get(
    '/v1/health',
    {
      schema: {
        tags: ['node'],
        summary: 'Liveness, readiness, and what is missing. Answers 200 while the node lives.',
        response: { 200: healthAnswer },
      },
    },
    () => health(),
  );
  app.get(
    '/v1/health/ready',
    {
      schema: {
        tags: ['node'],
        summary: 'Readiness: 200 if the node follows the chain, else 503. Extension of V1.',
        response: { 200: healthAnswer, 503: healthAnswer },
      },
    },
    async (_request, reply) => {
      const answer = await health();
      return reply.code(answer.ready ? 200 : 503).send(answer);
    },
  );
  app.get(
    '/v1/version',
    {
      schema: {
        tags: ['node'],
        summary: 'Version of the software.',
        response: { 200: { description: 'Version.', content: { 'text/plain': { schema: { type: 'string' } } } } },
      },
      // The one answer that is not JSON.
      serializerCompiler: () => String,
    },
    (_request, reply) => reply.type('text/plain; charset=utf-8').serializer(String).send(parts.version),
  );
  app.get(
    '/v1/consensus/state',
    {
      schema: {
        tags: ['consensus'],
        summary: 'Height, round and step.',
        response: { 200: consensusStateAnswer, 503: errorAnswer },
      },
    },
    async () => {
      const { height, round, step, sync } = await state();
      return { height, round, step, sync };
    },
  );
  app.get(
    '/v1/p2p/peers',
    {
      schema: { tags: ['p2p'], summary: 'Peers. Extension of V1.', response: { 200: peersAnswer, 503: errorAnswer } },
    },
    async () => {
      const answer = await peers();
      return { self: renderPeer(answer.self), peers: answer.peers.map(renderPeer) };
    },
  );
}

/** Asks every part and the supervisor. */
async function askHealth({ queries, consensus, p2p, supervisor }: NodeParts): Promise<HealthAnswer> {
  const options = { timeout_ms: HEALTH_TIMEOUT_MS };
  const asked = {
    database: finding(queries.tip()),
    consensus: finding(consensus.ask('state', {}, options)),
    p2p: finding(p2p.ask('peers', {}, options)),
    supervisor: finding(supervisor.ask('status', {}, options)),
  };
  return healthOf({
    database: await asked.database,
    consensus: await asked.consensus,
    p2p: await asked.p2p,
    supervisor: await asked.supervisor,
  });
}

function finding<T>(asked: Promise<T>): Promise<Finding<T>> {
  return asked.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ code: toErrorRecord(error).code }),
  );
}

function renderPeer(peer: PeerInfo) {
  return {
    peer_id: peer.peerId,
    address: peer.address,
    multiaddr: peer.multiaddr,
    connected: peer.connected,
    direction: peer.direction,
  };
}
