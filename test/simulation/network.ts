import type { ConsensusMessage } from '../../actors/pocket/chain/consensus.ts';
import type { Chance } from './chance.ts';
import { CALM, type Weather } from './settings.ts';
import type { Timeline } from './timeline.ts';

/** What stands between two nodes: their indices in the world. */
interface End {
  readonly index: number;
}

/** Far more nodes than a world has: makes one number of a pair. */
const NODES_MAX = 1_024;

/** Ways between nodes: each delivers in the order of sending, unless the weather says otherwise, and may be cut. */
export class Network {
  weather: Weather = { ...CALM };
  /** What happened to messages so far. */
  readonly counts = { lost: 0, delayed: 0, duplicated: 0, reordered: 0, cut: 0 };
  /** Whether a message gets onto the way at all. */
  filter: (from: End, to: End, message: ConsensusMessage) => boolean = () => true;
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  /** When the last message of a way arrives. */
  readonly #busy_ms = new Map<number, number>();
  readonly #cut = new Set<number>();

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline;
    this.#chance = chance;
  }

  /** One way only. */
  cut(from: End, to: End) {
    this.#cut.add(from.index * NODES_MAX + to.index);
  }

  heal() {
    this.#cut.clear();
  }

  /** Both of them hear each other only within a group; whoever is in none is alone. */
  split(nodes: readonly End[], groupOf: (node: End) => number) {
    this.heal();
    for (const from of nodes) {
      for (const to of nodes) if (groupOf(from) !== groupOf(to)) this.cut(from, to);
    }
  }

  reaches(from: End, to: End): boolean {
    return this.#cut.size === 0 || !this.#cut.has(from.index * NODES_MAX + to.index);
  }

  /** True if a request and its answer get through. */
  serves(from: End, to: End): boolean {
    return this.reaches(from, to) && this.reaches(to, from) && !this.#chance.happens(this.weather.loss);
  }

  carry(from: End, to: End, message: ConsensusMessage, deliver: () => void) {
    if (!this.filter(from, to, message)) return;
    if (this.#chance.happens(this.weather.duplication)) {
      this.counts.duplicated++;
      this.#carryOnce(from, to, deliver);
    }
    this.#carryOnce(from, to, deliver);
  }

  #carryOnce(from: End, to: End, deliver: () => void) {
    const { weather, counts } = this;
    if (!this.reaches(from, to)) {
      counts.cut++;
      return;
    }
    if (this.#chance.happens(weather.loss)) {
      counts.lost++;
      return;
    }
    const arrival_ms = this.#arrival_ms(from.index * NODES_MAX + to.index);
    this.#timeline.after(arrival_ms - this.#timeline.now_ms, () => {
      if (this.reaches(from, to)) deliver();
      else counts.cut++;
    });
  }

  #arrival_ms(way: number): number {
    const { weather, counts } = this;
    const { now_ms } = this.#timeline;
    const flight_ms = this.#chance.between(1, 30);
    if (this.#chance.happens(weather.reordering)) {
      counts.reordered++;
      return now_ms + flight_ms + this.#chance.between(0, 200);
    }
    const late = this.#chance.happens(weather.lateness);
    if (late) counts.delayed++;
    const own_ms = now_ms + flight_ms + (late ? this.#chance.between(50, 1_000) : 0);
    const arrival_ms = Math.max(own_ms, this.#busy_ms.get(way) ?? 0);
    this.#busy_ms.set(way, arrival_ms);
    return arrival_ms;
  }
}
