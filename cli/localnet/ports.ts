import { createServer } from 'node:net';
import { CodedError } from '../../runtime/errors.ts';

const HOST = '127.0.0.1';
/** Tries before giving up: only a machine with almost no free port fails them all. */
const MAX_TRIES = 64;

/** True if nothing listens on the port of the loopback interface. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A free port that is not in `taken`. The system hands out a different one each time for a while. @throws PORTS_EXHAUSTED */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = await anyPort();
    if (port !== null && !taken.has(port)) return port;
  }
  throw new CodedError('PORTS_EXHAUSTED', 'no free port was found on 127.0.0.1: end some programs that listen there');
}

function anyPort(): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ host: HOST, port: 0, exclusive: true }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => resolve(port));
    });
  });
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
