import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { rpcConfigSchema } from '../../actors/pocket/rpc/config.ts';
import { createApi } from '../../actors/pocket/rpc/io/api.ts';
import { Database } from '../../actors/pocket/rpc/io/database.ts';
import { rpcMetrics } from '../../actors/pocket/rpc/metrics.ts';
import { systemClock } from '../../runtime/clock.ts';
import { CodedError } from '../../runtime/errors.ts';

/** The document that a node serves at /v1/openapi.json. The API is built, but neither listens nor asks anybody. */
export async function openapiReference(built: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(built, '..', 'package.json'), 'utf8')) as { version: string };
  const config = rpcConfigSchema.parse({});
  const metrics = rpcMetrics(new Registry());
  const nobody = {
    ready: false,
    tell: () => false,
    ask: () => Promise.reject(new CodedError('ACTOR_RESTARTED', 'the reference is made without a node')),
  };
  const app = await createApi({
    config,
    version,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    metrics,
    database: new Database({
      url: 'postgresql://nobody@127.0.0.1/none',
      schema: 'potoroo',
      connections: 1,
      statementTimeout_ms: config.statement_timeout_ms,
      maxQueries: 1,
      clock: systemClock,
      metrics,
    }),
    utility: nobody,
    consensus: nobody,
    p2p: nobody,
    persistence: nobody,
    supervisor: nobody,
  });
  await app.ready();
  return `${JSON.stringify(app.swagger(), null, 2)}\n`;
}
