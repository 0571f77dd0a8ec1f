import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Peer } from '../../../../runtime/actor.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import type { SubmitResult, UtilityProtocol } from '../../utility/protocol.ts';
import { errorAnswer, submitAnswer, submitBatchAnswer } from '../core/answers.ts';
import { Gate } from '../core/gate.ts';
import { broadcastBatchRequest, broadcastRequest } from '../core/requests.ts';
import { RPC_ERRORS } from '../errors.ts';
import type { RpcMetrics } from '../metrics.ts';

interface ClientParts {
  readonly utility: Peer<UtilityProtocol>;
  readonly metrics: RpcMetrics;
  readonly maxSubmits: number;
  readonly maxBodyBytes: number;
}

const FAILURES = { 400: errorAnswer, 413: errorAnswer, 415: errorAnswer, 503: errorAnswer, 504: errorAnswer };

/** Routes that submit transactions. An answer with code 0 comes after the transaction is durable. */
export function clientRoutes(app: FastifyInstance, parts: ClientParts): void {
  const gate = new Gate(parts.maxSubmits, 'rpc.max_concurrent_submits');

  const submit = (transactions: Uint8Array[]): Promise<SubmitResult[]> =>
    gate.run(async () => {
      // Not ready is also what a peer between two lives is: for the client both are the same.
      if (!parts.utility.ready) throw new CodedError('BACKPRESSURE', RPC_ERRORS.BACKPRESSURE);
      const { results } = await parts.utility.ask('submit', { transactions });
      for (const { code } of results) parts.metrics.submitted.inc({ code: String(code) });
      return results;
    });

  app.post<{ Body: z.infer<typeof broadcastRequest> }>(
    '/v1/client/broadcast_tx_sync',
    {
      schema: {
        tags: ['client'],
        summary: 'Submit one transaction. On 503 and 504 submit the same bytes again.',
        body: broadcastRequest,
        response: { 200: submitAnswer, ...FAILURES },
      },
    },
    async (request) => (await submit([Buffer.from(request.body.raw_hex_bytes, 'hex')]))[0],
  );
  app.post<{ Body: z.infer<typeof broadcastBatchRequest> }>(
    '/v1/client/broadcast_txs_sync',
    {
      bodyLimit: parts.maxBodyBytes,
      schema: {
        tags: ['client'],
        summary: 'Submit up to 1000 transactions. On 503 and 504 submit the same bytes again. Extension of V1.',
        body: broadcastBatchRequest,
        response: { 200: submitBatchAnswer, ...FAILURES },
      },
    },
    async (request) => ({
      results: await submit(request.body.raw_hex_bytes.map((one) => Buffer.from(one, 'hex'))),
    }),
  );
}
