import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Peer } from '../../../../runtime/actor.ts';
import type { UtilityProtocol } from '../../utility/protocol.ts';
import {
  accountAnswer,
  balanceAnswer,
  blockAnswer,
  blockTxsAnswer,
  errorAnswer,
  hashesAnswer,
  heightAnswer,
  paramsAnswer,
  supplyAnswer,
  txAnswer,
  unconfirmedTxsAnswer,
  validatorAnswer,
  validatorsAnswer,
} from '../core/answers.ts';
import { pageOf } from '../core/paging.ts';
import { renderBlock, renderIndexed, renderTransaction, upokt } from '../core/render.ts';
import {
  addressHeightRequest,
  hashesQuery,
  hashRequest,
  heightPageRequest,
  heightRequest,
  pageRequest,
} from '../core/requests.ts';
import type { Queries } from './queries.ts';

const FAILURES = { 400: errorAnswer, 404: errorAnswer, 503: errorAnswer, 504: errorAnswer };

/** Schema of a query route. */
function about(summary: string, answer: z.ZodType, request: { body?: z.ZodType; querystring?: z.ZodType } = {}) {
  return { schema: { tags: ['query'], summary, ...request, response: { 200: answer, ...FAILURES } } };
}

/** Routes that read the chain and the mempool. */
export function queryRoutes(app: FastifyInstance, queries: Queries, utility: Peer<UtilityProtocol>): void {
  chainRoutes(app, queries);
  stateRoutes(app, queries);
  validatorRoutes(app, queries);
  mempoolRoute(app, queries, utility);
}

function chainRoutes(app: FastifyInstance, queries: Queries): void {
  app.get('/v1/query/height', about('Latest committed height.', heightAnswer), async () => ({
    height: await queries.tip(),
  }));
  app.get<{ Querystring: z.infer<typeof hashesQuery> }>(
    '/v1/query/tx_hashes',
    about('Block, state and transaction hashes of a range of heights. Extension of V1.', hashesAnswer, {
      querystring: hashesQuery,
    }),
    (request) => queries.hashes(request.query.from, request.query.to),
  );
  app.post<{ Body: z.infer<typeof heightRequest> }>(
    '/v1/query/block',
    about('A block.', blockAnswer, { body: heightRequest }),
    async (request) => {
      const block = await queries.block(request.body.height);
      return renderBlock(block.header, block.transactions, block.commitQc);
    },
  );
  app.post<{ Body: z.infer<typeof heightPageRequest> }>(
    '/v1/query/block_txs',
    about('Transactions of a block, by page.', blockTxsAnswer, { body: heightPageRequest }),
    async ({ body }) => {
      const height = await queries.resolveBlock(body.height);
      const total_txs = await queries.transactionCount(height);
      const { offset, total_pages } = pageOf(body.page, body.per_page, total_txs);
      const fees = await queries.fees(height);
      const rows = await queries.blockTransactions(height, { offset, limit: body.per_page, sort: body.sort });
      return { transactions: rows.map((row) => renderIndexed(row, fees)), total_txs, page: body.page, total_pages };
    },
  );
  app.post<{ Body: z.infer<typeof hashRequest> }>(
    '/v1/query/tx',
    about('A committed transaction.', txAnswer, { body: hashRequest }),
    async (request) => {
      const row = await queries.transaction(request.body.hash.toLowerCase());
      return renderIndexed(row, await queries.fees(row.height));
    },
  );
}

function stateRoutes(app: FastifyInstance, queries: Queries): void {
  app.get(
    '/v1/query/all_chain_params',
    about('Every governance parameter at the latest height.', paramsAnswer),
    async () => {
      const rows = await queries.params();
      return rows.map((row) => ({ parameter_name: row.name, parameter_value: row.value }));
    },
  );
  app.post<{ Body: z.infer<typeof addressHeightRequest> }>(
    '/v1/query/account',
    about('An account at a height.', accountAnswer, { body: addressHeightRequest }),
    async (request) => {
      const address = request.body.address.toLowerCase();
      return { address, coins: [upokt(await queries.balance(address, request.body.height))] };
    },
  );
  app.post<{ Body: z.infer<typeof addressHeightRequest> }>(
    '/v1/query/balance',
    about('A balance at a height.', balanceAnswer, { body: addressHeightRequest }),
    async (request) => ({
      balance: await queries.balance(request.body.address.toLowerCase(), request.body.height),
    }),
  );
  app.post<{ Body: z.infer<typeof heightRequest> }>(
    '/v1/query/supply',
    about('Pools and sums at a height.', supplyAnswer, { body: heightRequest }),
    async (request) => {
      const { pools, accounts } = await queries.supply(request.body.height);
      const total = pools.reduce((sum, pool) => sum + BigInt(pool.amount), 0n);
      return {
        pools: pools.map((pool) => ({ address: pool.address, name: pool.name, ...upokt(BigInt(pool.amount)) })),
        total: upokt(total),
        accounts: upokt(accounts),
      };
    },
  );
}

function validatorRoutes(app: FastifyInstance, queries: Queries): void {
  app.post<{ Body: z.infer<typeof heightPageRequest> }>(
    '/v1/query/validators',
    about('Validators at a height, whatever their status, by page.', validatorsAnswer, { body: heightPageRequest }),
    async ({ body }) => {
      const height = await queries.resolve(body.height);
      const total_validators = await queries.validatorCount(height);
      const { offset, total_pages } = pageOf(body.page, body.per_page, total_validators);
      const validators = await queries.validators(height, { offset, limit: body.per_page, sort: body.sort });
      return { validators, total_validators, page: body.page, total_pages };
    },
  );
  app.post<{ Body: z.infer<typeof addressHeightRequest> }>(
    '/v1/query/validator',
    about('A validator at a height.', validatorAnswer, { body: addressHeightRequest }),
    (request) => queries.validator(request.body.address.toLowerCase(), request.body.height),
  );
}

function mempoolRoute(app: FastifyInstance, queries: Queries, utility: Peer<UtilityProtocol>): void {
  app.post<{ Body: z.infer<typeof pageRequest> }>(
    '/v1/query/unconfirmed_txs',
    about('Transactions in the mempool, oldest first, by page.', unconfirmedTxsAnswer, { body: pageRequest }),
    async ({ body }) => {
      const { transactions, total } = await utility.ask('pending', { page: body.page, perPage: body.per_page });
      const { total_pages } = pageOf(body.page, body.per_page, total);
      const fees = await queries.fees(await queries.tip());
      return {
        transactions: transactions.map((one) =>
          renderTransaction(one.bytes, { hash: one.hash, height: 0n, index: 0 }, fees),
        ),
        total_txs: total,
        page: body.page,
        total_pages,
      };
    },
  );
}
