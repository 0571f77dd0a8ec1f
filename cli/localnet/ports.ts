import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { CodedError } from '../../runtime/errors.ts';

const HOST = '127.0.0.1';
/**
 * Below the ports that systems give to outgoing connections (Linux from 32768): from there, any program could
 * take the port of a node while that is down.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
/** Tries before giving up: only a machine with almost no free port fails them all. */
const MAX_TRIES = 256;

/** True if nothing listens on the port of the loopback interface. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A free port that is not in `taken`. @throws PORTS_EXHAUSTED */
async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new CodedError('PORTS_EXHAUSTED', 'no free port was found on 127.0.0.1: end some programs that listen there');
}

export interface NodePorts {
  readonly rpc: number;
  readonly metrics: number;
  readonly p2p: number;
}

/**
 * The ports to use now: those of last time where they are still free, others where not. Ports are kept, so
 * that URLs in scripts and browsers stay valid from one start to the next.
 */
export async function choosePorts(count: number, former: readonly NodePorts[]): Promise<NodePorts[]> {
  const taken = new Set<number>();
  const choose = async (wanted: number | undefined): Promise<number> => {
    const usable = wanted !== undefined && !taken.has(wanted) && (await isFree(wanted));
    const port = usable ? wanted : await freePort(taken);
    taken.add(port);
    return port;
  };
  const chosen: NodePorts[] = [];
  for (let index = 0; index < count; index++) {
    const last = former[index];
    chosen.push({ rpc: await choose(last?.rpc), metrics: await choose(last?.metrics), p2p: await choose(last?.p2p) });
  }
  return chosen;
}
