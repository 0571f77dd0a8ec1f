import { type Actor, encodeActor, NO_HEIGHT } from '../../chain/actor.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { ChangeSet } from '../../persistence/protocol.ts';

/** True for one that decides heights: neither paused nor leaving. */
export function isActive({ pausedHeight, unstakingHeight }: Actor): boolean {
  return pausedHeight === NO_HEIGHT && unstakingHeight === NO_HEIGHT;
}

/** The staked actors of one type over a parent's: what is written is what is read next. By hex address. */
export class ActorBook {
  readonly #parent: ReadonlyMap<string, Actor>;
  readonly #now: Map<string, Actor>;
  readonly #written = new Set<string>();
  #active: number;

  constructor(parent: ReadonlyMap<string, Actor>) {
    this.#parent = parent;
    this.#now = new Map(parent);
    this.#active = [...parent.values()].filter(isActive).length;
  }

  get size(): number {
    return this.#now.size;
  }

  get(address: string): Actor | undefined {
    return this.#now.get(address);
  }

  /** By ascending address, so that every node goes through them in one order. */
  list(): Actor[] {
    return [...this.#now].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, actor]) => actor);
  }

  put(actor: Actor): void {
    this.#set(toHex(actor.address), actor);
  }

  remove(address: Uint8Array): void {
    this.#set(toHex(address), undefined);
  }

  /** Without this one nobody would be left to decide the next height. */
  isLastActive(actor: Actor): boolean {
    return this.#active === 1 && isActive(actor);
  }

  /** The actors that differ from the parent's, and those that are gone, by ascending address. */
  changes(): Pick<ChangeSet, 'actors' | 'removedActors'> {
    const written = [...this.#written].sort();
    const actors = written.map((address) => this.#now.get(address)).filter((actor) => actor !== undefined);
    const gone = written.map((address) => (this.#now.has(address) ? undefined : this.#parent.get(address)));
    return {
      actors: actors.filter((actor) => !isSame(actor, this.#parent.get(toHex(actor.address)))),
      removedActors: gone.filter((actor) => actor !== undefined).map(({ type, address }) => ({ type, address })),
    };
  }

  #set(address: string, actor: Actor | undefined): void {
    const before = this.#now.get(address);
    this.#active += Number(actor !== undefined && isActive(actor)) - Number(before !== undefined && isActive(before));
    this.#written.add(address);
    if (actor === undefined) this.#now.delete(address);
    else this.#now.set(address, actor);
  }
}

function isSame(actor: Actor, other: Actor | undefined): boolean {
  return other !== undefined && equalBytes(encodeActor(actor), encodeActor(other));
}
