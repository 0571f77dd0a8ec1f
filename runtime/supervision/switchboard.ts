import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { DeclaredPeers, PortBinding } from '../control.ts';
import { hasCode } from '../errors.ts';
import { BIND_DEADLINE_ms } from '../host.ts';
import { areLinked, type Party, spokenBetween } from '../topology.ts';
import type { Child } from './child.ts';
import type { Life } from './life.ts';

/** Extra time over the host's own deadline, so that its BIND_TIMEOUT is what is reported. */
const BIND_CALL_ms = BIND_DEADLINE_ms + 1_000;

/** One side of a connection to be made. */
export interface End extends Party {
  /** Absent for the main thread. */
  readonly life?: Life;
  readonly incarnation: number;
  bind(binding: PortBinding): Promise<void>;
}

/** A connection could not be made, by the fault of this life of an actor. */
export class BindFailure extends Error {
  readonly culprit: Life;

  constructor(culprit: Life, cause: unknown) {
    super('a connection could not be made', { cause });
    this.culprit = culprit;
  }
}

/** Makes the connections between actors: a channel for any two that talk, and a new one when either is replaced. */
export class Switchboard {
  readonly #main: End;
  readonly #children: readonly Child[];
  /** How often each pair was connected, by both names: tells a broken connection from one that was replaced. */
  readonly #connections = new Map<string, number>();

  constructor(main: End, children: readonly Child[]) {
    this.#main = main;
    this.#children = children;
  }

  /** Connects the given actors with everybody they talk to; one promise for each pair. @throws BindFailure each */
  connect(fresh: ReadonlySet<string>): Promise<void>[] {
    const ends = this.#ends();
    const bindings: Promise<void>[] = [];
    ends.forEach((a, position) => {
      for (const b of ends.slice(position + 1)) {
        if ((fresh.has(a.name) || fresh.has(b.name)) && areLinked(a, b)) bindings.push(this.#bindPair(a, b));
      }
    });
    return bindings;
  }

  /** Times that the two were connected. */
  generation(a: string, b: string): number {
    return this.#connections.get(pairName(a, b)) ?? 0;
  }

  /** Connects two that live once more. @throws BindFailure */
  async reconnect(a: string, b: string): Promise<void> {
    const ends = this.#ends().filter(({ name }) => name === a || name === b);
    if (ends.length === 2) await this.#bindPair(ends[0]!, ends[1]!);
  }

  #ends(): End[] {
    return [this.#main, ...this.#children.flatMap(childEnd)];
  }

  async #bindPair(a: End, b: End): Promise<void> {
    this.#connections.set(pairName(a.name, b.name), this.generation(a.name, b.name) + 1);
    const { port1, port2 } = new MessageChannel();
    const speaks = spokenBetween(a, b);
    const bind = (own: End, other: End, port: MessagePort): Promise<void> =>
      own
        .bind({
          peer: other.name,
          incarnation: other.incarnation,
          port,
          speaks,
          listener: other.peers.listens.includes(own.name),
        })
        .catch((error: unknown) => {
          // Whoever does not answer a new connection is stuck, not the one that waits for it; but the main thread is
          // only busy, and the actor tries again in its next life.
          const [first, second] = hasCode(error, 'BIND_TIMEOUT') ? [other, own] : [own, other];
          throw new BindFailure((first.life ?? second.life)!, error);
        });
    await Promise.all([bind(a, b, port1), bind(b, a, port2)]);
  }
}

function childEnd(child: Child): End[] {
  const { spec, incarnation, declared, thread } = child;
  if (!thread) return [];
  const bind = (binding: PortBinding): Promise<void> => thread.bind(binding, BIND_CALL_ms);
  return [{ name: spec.name, life: { child, thread }, incarnation, peers: declared satisfies DeclaredPeers, bind }];
}

function pairName(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
