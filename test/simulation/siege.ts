import { MESSAGE_PROPOSE, STEP_COMMIT, STEP_PREPARE } from '../../actors/pocket/chain/consensus.ts';
import type { Coalition } from './byzantine/coalition.ts';
import type { Chance } from './chance.ts';
import type { Letter, SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** How long the network keeps a height open for a byzantine leader, in ms of virtual time. */
const LONGEST_MS = 12_000;
/** In calm weather a message takes at most that long. */
const FLIGHT_MS = 30;

/**
 * The network as an ally of the byzantine validators. It lets some lock a block and nobody decide it: the leader that
 * says COMMIT is heard by some and cut off, and the honest leaders after it are not heard, until a byzantine one
 * proposes. No safety rule may depend on the network, and this is the moment at which a wrong one shows.
 */
export class Siege {
  /** How many there were. */
  count = 0;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #coalition: Coalition;
  /** The height kept open, and since when. */
  #open: { readonly height: bigint; readonly since_ms: number } | null = null;
  /** The height that was looked at last: one siege for each. */
  #seen = 0n;

  constructor(world: World, chance: Chance, coalition: Coalition) {
    this.#world = world;
    this.#chance = chance;
    this.#coalition = coalition;
  }

  /** What of these letters is heard. */
  overhear(from: SimulatedNode, letters: readonly Letter[]): readonly Letter[] {
    const message = letters[0]?.message;
    if (!message || message.type !== MESSAGE_PROPOSE || message.step < STEP_PREPARE) return letters;
    const isMember = this.#coalition.has(from.options.address);
    if (this.#open) {
      const over = message.height > this.#open.height || this.#world.now_ms > this.#open.since_ms + LONGEST_MS;
      if (!over && !isMember) return [];
      this.#open = null;
      this.#world.network.heal();
      return letters;
    }
    if (isMember || message.step !== STEP_COMMIT || message.height <= this.#seen) return letters;
    if (!this.#coalition.isReady(message.height, message.round)) return letters;
    this.#seen = message.height;
    this.count++;
    this.#open = { height: message.height, since_ms: this.#world.now_ms };
    this.#world.after(FLIGHT_MS, () => this.#open && this.#world.isolate(from));
    return this.#chance.sample(letters, this.#chance.between(1, letters.length + 1));
  }

  end() {
    this.#open = null;
    this.#seen = 2n ** 64n;
  }
}
