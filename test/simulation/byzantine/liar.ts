import type { ConsensusMessage } from '../../../actors/pocket/chain/consensus.ts';
import { equalBytes } from '../../../actors/pocket/chain/hex.ts';
import type { SyncedBlock } from '../../../actors/pocket/chain/sync.ts';
import type { Rules } from '../../../actors/pocket/consensus/core/rules.ts';
import type { Chance } from '../chance.ts';
import type { Letter, Mask, SimulatedNode } from '../node.ts';
import type { World } from '../world.ts';
import type { Coalition } from './coalition.ts';

/** One way of being faulty. What it leaves out is done as the core wants it. */
export interface Behaviour {
  /** What is sent instead of a letter of the core, or of a behaviour before this one. */
  says?(letter: Letter): readonly Letter[];
  hears?(message: ConsensusMessage): void;
  serves?(blocks: readonly SyncedBlock[]): SyncedBlock[];
  /** Now and then. */
  acts?(): void;
}

/** Makes the behaviour of one node. */
export type BehaviourOf = (liar: Liar) => Behaviour;

/** How often behaviours act by themselves, in ms of virtual time. */
const ACTS_EVERY_MS = 150;

/** A byzantine node: its core says what it would, and its behaviours make something else of it. */
export class Liar implements Mask {
  readonly node: SimulatedNode;
  readonly world: World;
  readonly chance: Chance;
  readonly coalition: Coalition;
  /** What its behaviours did, for the report. */
  deeds = 0;
  readonly #behaviours: Behaviour[];

  constructor(node: SimulatedNode, world: World, chance: Chance, coalition: Coalition, behaviours: BehaviourOf[]) {
    this.node = node;
    this.world = world;
    this.chance = chance;
    this.coalition = coalition;
    this.#behaviours = behaviours.map((behaviour) => behaviour(this));
    if (this.#behaviours.some(({ acts }) => acts)) this.#act();
  }

  get rules(): Rules {
    return this.node.options.rules;
  }

  get others(): Uint8Array[] {
    return this.world.keys.all
      .map(({ address }) => address)
      .filter((address) => !equalBytes(address, this.node.options.address));
  }

  says(letters: readonly Letter[]): readonly Letter[] {
    let said = letters;
    for (const { message } of letters.slice(0, 1)) this.coalition.learn(this.rules, message);
    for (const { says } of this.#behaviours) if (says) said = said.flatMap((letter) => says(letter));
    if (said !== letters && (said.length !== letters.length || said.some((one, at) => one !== letters[at]))) {
      this.deeds++;
    }
    return said;
  }

  hears(message: ConsensusMessage) {
    this.coalition.learn(this.rules, message);
    for (const { hears } of this.#behaviours) hears?.(message);
  }

  serves(blocks: readonly SyncedBlock[]): SyncedBlock[] {
    return this.#behaviours.reduce<SyncedBlock[]>((served, { serves }) => serves?.(served) ?? served, [...blocks]);
  }

  /** Past its core and the other behaviours. */
  send(message: ConsensusMessage, to: readonly Uint8Array[]) {
    if (!this.node.up) return;
    this.deeds++;
    this.world.post(
      this.node,
      to.map((address) => ({ to: address, message })),
    );
  }

  #act() {
    this.world.after(this.chance.between(1, 2 * ACTS_EVERY_MS), () => {
      if (this.node.up) for (const { acts } of this.#behaviours) acts?.();
      this.#act();
    });
  }
}
