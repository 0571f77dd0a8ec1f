import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { homeLayout } from '../config/home.ts';
import { type ActorStatus, FAULTS, type Fault } from '../runtime/child-spec.ts';
import { CodedError } from '../runtime/errors.ts';
import { giveOrderTo, type OrderServer, serveOrders } from './order-socket.ts';

/** Status and faults are answered at once, unless the main thread is very busy. */
const ANSWER_TIMEOUT_ms = 15_000;
/** A restart in order: the slowest start of an actor is that of persistence on a database that is coming up. */
const RESTART_TIMEOUT_ms = 180_000;

const actor = z.string().min(1).max(64);
const orderSchema = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('status') }),
  z.strictObject({ action: z.literal('kill'), actor, by: z.enum(FAULTS) }),
  z.strictObject({ action: z.literal('restart'), actor }),
]);
type AdminOrder = z.infer<typeof orderSchema>;

const figure = z.number().nullable();
const statusSchema: z.ZodType<ActorStatus> = z.object({
  name: z.string(),
  group: z.string(),
  dependents: z.array(z.string()),
  phase: z.enum(['starting', 'readying', 'running', 'waiting', 'resting', 'down', 'ended']),
  up: z.boolean(),
  incarnation: z.int(),
  restarts: z.int(),
  uptime_ms: figure,
  recovery_ms: figure,
  lastDeath: z
    .object({
      at_ms: z.number(),
      code: z.string(),
      message: z.string(),
      selfInflicted: z.boolean(),
      report: z.string().nullable(),
    })
    .nullable(),
  silent_ms: figure,
  cpu_s: figure,
  heap_bytes: figure,
  external_bytes: figure,
});
const statusesSchema = z.array(statusSchema);

/** What the orders act on: a running node. */
export interface Administered {
  /** In start order. */
  status(): ActorStatus[];
  /** Resolves when it is ordered, not when the actor is back. @throws ACTOR_UNKNOWN, ACTOR_DOWN */
  kill(actor: string, by?: Fault): Promise<void>;
  /** Resolves when it serves again. @throws ACTOR_UNKNOWN */
  restart(actor: string): Promise<void>;
}

/** Lets `potoroo actor` look at the actors of a running node, kill and restart them. */
export function serveAdmin(wanted: string, node: Administered): Promise<OrderServer> {
  const obey = async (order: AdminOrder): Promise<unknown> => {
    if (order.action === 'status') return node.status();
    return order.action === 'kill' ? node.kill(order.actor, order.by) : node.restart(order.actor);
  };
  return serveOrders({ wanted, schema: orderSchema, obey });
}

/** The node that runs on a home, from another process. Every call @throws NODE_NOT_RUNNING, ORDER_TIMEOUT */
export class AdminClient {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  /** The actors in start order. */
  async status(): Promise<ActorStatus[]> {
    const answer = statusesSchema.safeParse(await this.#give({ action: 'status' }, ANSWER_TIMEOUT_ms));
    if (answer.success) return answer.data;
    throw new CodedError('NODE_ANSWER', `the node on ${this.#home} answered in another shape: use its own version`);
  }

  /** Orders a death; the actor is replaced afterwards. @throws ACTOR_UNKNOWN, ACTOR_DOWN */
  async kill(actor: string, by: Fault): Promise<void> {
    await this.#give({ action: 'kill', actor, by }, ANSWER_TIMEOUT_ms);
  }

  /** Resolves when the actor serves again. @throws ACTOR_UNKNOWN */
  async restart(actor: string): Promise<void> {
    await this.#give({ action: 'restart', actor }, RESTART_TIMEOUT_ms);
  }

  #give(order: AdminOrder, timeout_ms: number): Promise<unknown> {
    return giveOrderTo(socketOf(this.#home), order, { timeout_ms, absent: () => notRunning(this.#home) });
  }
}

/** Part of node.json. */
const nodeFileSchema = z.object({ admin_socket: z.string() });

/** @throws NODE_NOT_RUNNING */
function socketOf(home: string): string {
  try {
    return nodeFileSchema.parse(JSON.parse(readFileSync(homeLayout(home).nodeFile, 'utf8'))).admin_socket;
  } catch {
    throw notRunning(home);
  }
}

function notRunning(home: string): CodedError {
  return new CodedError(
    'NODE_NOT_RUNNING',
    `no node that takes orders runs on ${home}: start it with \`potoroo start --home ${home}\`, or see its log`,
    { home },
  );
}
