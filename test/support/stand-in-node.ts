/**
 * Stands in for a node where tests are about the processes around it: it understands `start --home H`, serves
 * the routes that a local network asks, and "commits" an empty block every 100 ms, the same on every node.
 * Its admin socket tells of actors that are back a moment after a kill, as if a supervisor were there.
 * A file `fail` in the home makes it end at once with that text as its reason; with a file `stubborn`, what is killed
 * stays down.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { serveAdmin } from '../../cli/admin.ts';
import { CHAOS_ACTORS } from '../../cli/localnet/chaos-plan.ts';
import { homeLayout } from '../../config/home.ts';
import type { ActorStatus } from '../../runtime/child-spec.ts';

const BLOCK_ms = 100;
const RECOVERY_ms = 20;

const home = process.argv[4]!;
const { rpc, telemetry } = JSON.parse(readFileSync(join(home, 'config.json'), 'utf8')) as {
  rpc: { port: number };
  telemetry: { port: number };
};
const failing = join(home, 'fail');
if (existsSync(failing)) {
  const error = { code: 'PORT_BUSY', message: readFileSync(failing, 'utf8'), data: {} };
  process.send?.({ kind: 'failed', error }, () => process.exit(1));
} else serve();

function height(): number {
  const genesis = JSON.parse(readFileSync(join(home, 'genesis.json'), 'utf8')) as { genesis_time: string };
  return Math.floor((Date.now() - Date.parse(genesis.genesis_time)) / BLOCK_ms);
}

function answer(url: URL): unknown {
  if (url.pathname === '/v1/query/height') return { height: height() };
  if (url.pathname === '/v1/health') return { height: height(), peers: 3 };
  if (url.pathname === '/v1/consensus/state') return { height: height() + 1, round: 0, step: 1 };
  if (url.pathname === '/v1/query/unconfirmed_txs') return { total_txs: 0 };
  if (url.pathname === '/v1/query/tx_hashes') {
    const from = Number(url.searchParams.get('from'));
    const to = Math.min(Number(url.searchParams.get('to')), height());
    const heights = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
    // A file `fork` makes this node's chain another one.
    const kind = existsSync(join(home, 'fork')) ? 'x' : 'h';
    return heights.map((at) => ({
      height: at,
      block_hash: `${kind}${at}`,
      state_hash: `s${at}`,
      timestamp_ms: at * BLOCK_ms,
      hashes: [],
    }));
  }
  return { code: 'ROUTE_NOT_FOUND', message: url.pathname };
}

class StandInActor {
  readonly name: string;
  #incarnation = 1;
  #up = true;

  constructor(name: string) {
    this.name = name;
  }

  kill(): void {
    this.#up = false;
    if (!existsSync(join(home, 'stubborn'))) setTimeout(() => this.#replace(), RECOVERY_ms);
  }

  #replace(): void {
    this.#incarnation++;
    this.#up = true;
  }

  get status(): ActorStatus {
    const figures = { uptime_ms: null, silent_ms: null, cpu_s: null, heap_bytes: null, external_bytes: null };
    return {
      ...figures,
      name: this.name,
      group: 'all',
      dependents: [],
      phase: this.#up ? 'running' : 'waiting',
      up: this.#up,
      incarnation: this.#incarnation,
      restarts: this.#incarnation - 1,
      recovery_ms: this.#incarnation > 1 ? RECOVERY_ms : null,
      lastDeath: null,
    };
  }
}

async function administer(): Promise<void> {
  const layout = homeLayout(home);
  const actors = CHAOS_ACTORS.map((name) => new StandInActor(name));
  const kill = async (name: string): Promise<void> => actors.find((actor) => actor.name === name)?.kill();
  const { path } = await serveAdmin(layout.adminSocket, {
    status: () => actors.map(({ status }) => status),
    kill,
    restart: kill,
  });
  writeFileSync(layout.nodeFile, JSON.stringify({ admin_socket: path }));
}

function serve(): void {
  const server = createServer((request, response) => {
    request.resume();
    response.end(JSON.stringify(answer(new URL(request.url ?? '/', 'http://x'))));
  });
  const metrics = createServer((_request, response) => {
    response.end('process_resident_memory_bytes{actor="node"} 5e7\npotoroo_actor_restarts_total{actor="p2p"} 1\n');
  });
  metrics.listen(telemetry.port, '127.0.0.1', () =>
    server.listen(rpc.port, '127.0.0.1', async () => {
      await administer();
      process.send?.({ kind: 'ready' });
    }),
  );
  process.on('SIGINT', () => undefined);
  process.on('message', () => process.exit(0));
  process.on('disconnect', () => process.exit(0));
}
