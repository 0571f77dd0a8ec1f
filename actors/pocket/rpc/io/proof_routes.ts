import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Peer } from '../../../../runtime/actor.ts';
import { fromHex } from '../../chain/hex.ts';
import { type StateProofJson, stateProofJson, stateProofJsonSchema } from '../../chain/state-proof-json.ts';
import { ACTOR_KINDS } from '../../chain/state-values.ts';
import type { PersistenceProtocol, ProofRequest } from '../../persistence/protocol.ts';
import { errorAnswer } from '../core/answers.ts';
import { Gate } from '../core/gate.ts';
import { actorHeightRequest, addressHeightRequest, paramHeightRequest } from '../core/requests.ts';

const FAILURES = { 400: errorAnswer, 404: errorAnswer, 410: errorAnswer, 503: errorAnswer, 504: errorAnswer };

/** Schema of a proof route. */
function about(summary: string, body: z.ZodType) {
  const text = `${summary} \`potoroo verify\` checks the answer without a node. Extension of V1.`;
  return { schema: { tags: ['proof'], summary: text, body, response: { 200: stateProofJsonSchema, ...FAILURES } } };
}

/** Routes that prove a value of the state, or its absence, at one of the latest heights. */
export function proofRoutes(app: FastifyInstance, persistence: Peer<PersistenceProtocol>, maxProofs: number): void {
  const gate = new Gate(maxProofs, 'rpc.max_concurrent_proofs');
  const prove = (request: ProofRequest): Promise<StateProofJson> =>
    gate.run(async () => {
      const { tree, key } = request;
      return stateProofJson({ tree, key, ...(await persistence.ask('prove', request)) });
    });

  app.post<{ Body: z.infer<typeof addressHeightRequest> }>(
    '/v1/proof/account',
    about('An account at a height, with its proof.', addressHeightRequest),
    ({ body }) => prove({ height: body.height, tree: 'account', key: fromHex(body.address.toLowerCase()) }),
  );
  app.post<{ Body: z.infer<typeof actorHeightRequest> }>(
    '/v1/proof/actor',
    about('A staked actor at a height, with its proof.', actorHeightRequest),
    ({ body }) => {
      const { tree } = ACTOR_KINDS.find(({ name }) => name === body.actor_type)!;
      return prove({ height: body.height, tree, key: fromHex(body.address.toLowerCase()) });
    },
  );
  app.post<{ Body: z.infer<typeof paramHeightRequest> }>(
    '/v1/proof/param',
    about('A governance parameter at a height, with its proof.', paramHeightRequest),
    ({ body }) => prove({ height: body.height, tree: 'params', key: new TextEncoder().encode(body.param_name) }),
  );
}
