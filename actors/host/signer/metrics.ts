import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the signer counts. */
export interface SignerMetrics {
  readonly signatures: Counter<'type' | 'step'>;
  readonly refusals: Counter<'code'>;
  readonly record_seconds: Histogram;
}

export function signerMetrics(registry: Registry): SignerMetrics {
  return {
    signatures: new Counter({
      name: 'potoroo_signer_signatures_total',
      help: 'New signatures given, by message type (propose, vote) and step; repeats of stored ones are not counted',
      labelNames: ['type', 'step'],
      registers: [registry],
    }),
    refusals: new Counter({
      name: 'potoroo_signer_refusals_total',
      help: 'Requests refused by a safety rule or fault, by error code; SIGN_CONFLICT means something asked for a double signature',
      labelNames: ['code'],
      registers: [registry],
    }),
    record_seconds: new Histogram({
      name: 'potoroo_signer_fsync_seconds',
      help: 'Time to make the safety record durable before a signature leaves; it bounds the speed of consensus',
      buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5],
      registers: [registry],
    }),
  };
}

/** What a node counts whose signer is another process. */
export interface RemoteMetrics {
  readonly connected: Gauge;
  readonly connects: Counter<'outcome'>;
  readonly seconds: Histogram;
}

export function remoteSignerMetrics(registry: Registry): RemoteMetrics {
  return {
    connected: new Gauge({
      name: 'potoroo_signer_remote_connected',
      help: '1 while the remote signer is connected; while it is 0 this validator signs nothing',
      registers: [registry],
    }),
    connects: new Counter({
      name: 'potoroo_signer_remote_connects_total',
      help: 'Attempts to reach the remote signer, by outcome (connected, failed)',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    seconds: new Histogram({
      name: 'potoroo_signer_remote_seconds',
      help: 'Time from an ask to the answer of the remote signer, its fsync included; it bounds the speed of consensus',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
      registers: [registry],
    }),
  };
}
