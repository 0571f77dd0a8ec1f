import { join } from 'node:path';
import { z } from 'zod';
import { CodedError } from '../../runtime/errors.ts';
import { giveOrderTo, type OrderServer, serveOrders } from '../order-socket.ts';
import { type LocalnetLayout, readStatus } from './files.ts';

/** The slowest order is a start with a new database. */
const ORDER_TIMEOUT_ms = 120_000;

const orderSchema = z.strictObject({ action: z.enum(['stop', 'kill', 'start']), node: z.int().min(1) });
export type NodeOrder = z.infer<typeof orderSchema>;

/** Lets `potoroo localnet node` steer the running network. */
export function serveControl(layout: LocalnetLayout, obey: (order: NodeOrder) => Promise<void>): Promise<OrderServer> {
  return serveOrders({ wanted: join(layout.directory, 'control.sock'), schema: orderSchema, obey });
}

/**
 * Sends one order to the network that runs in the directory and waits until it is done.
 * @throws LOCALNET_MISSING, LOCALNET_NOT_RUNNING, NODE_NUMBER, NODE_START_FAILED, ORDER_TIMEOUT, ORDER_UNANSWERED
 */
export async function giveOrder(layout: LocalnetLayout, order: NodeOrder): Promise<void> {
  const { control } = readStatus(layout);
  const absent = (): CodedError => notRunning(layout);
  if (control === null) throw absent();
  await giveOrderTo(control, order, { timeout_ms: ORDER_TIMEOUT_ms, absent });
}

function notRunning(layout: LocalnetLayout): CodedError {
  return new CodedError(
    'LOCALNET_NOT_RUNNING',
    `no local network runs in ${layout.directory}: start it with \`potoroo localnet --dir ${layout.directory}\``,
    { directory: layout.directory },
  );
}
