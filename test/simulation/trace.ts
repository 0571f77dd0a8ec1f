import { type ConsensusMessage, MESSAGE_VOTE } from '../../actors/pocket/chain/consensus.ts';
import { GENESIS_MS } from './disk.ts';

/** What is printed of a run that failed. */
const KEPT = 400;
const STEPS = ['', 'NEWROUND', 'PREPARE', 'PRECOMMIT', 'COMMIT', 'DECIDE'];

interface Entry {
  readonly at_ms: number;
  readonly who: string;
  readonly what: string;
  readonly message: ConsensusMessage | null;
}

/** The history of a run: the digest of all of it, and the end in words. */
export class Trace {
  readonly #entries: Entry[] = [];
  #next = 0;
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;

  note(at_ms: number, who: string, what: string, message: ConsensusMessage | null = null) {
    this.#mix(at_ms);
    for (let i = 0; i < who.length; i++) this.#mix(who.charCodeAt(i));
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i));
    if (message) this.#mixMessage(message);
    this.#entries[this.#next] = { at_ms, who, what, message };
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Two runs with one digest were the same. 16 hex digits. */
  digest(): string {
    return [this.#a, this.#b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** The last `count` events, oldest first, a line for each. */
  last(count: number): string[] {
    const ordered = [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)];
    return ordered.slice(-count).map(({ at_ms, who, what, message }) => {
      const time = ((at_ms - GENESIS_MS) / 1_000).toFixed(3).padStart(8);
      return `${time} ${who.padEnd(2)} ${what}${message ? ` ${inWords(message)}` : ''}`;
    });
  }

  #mix(value: number) {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#b = Math.imul(this.#b ^ (value + (this.#a >>> 15)), 0x85ebca6b);
  }

  #mixMessage({ type, height, round, step, blockHash, signature }: ConsensusMessage) {
    this.#mix(type * 8 + step);
    this.#mix(Number(height));
    this.#mix(round);
    this.#mix(blockHash ? word(blockHash) : 0);
    this.#mix(word(signature));
  }
}

function word(bytes: Uint8Array): number {
  return (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
}

/** A message as people speak of it: `PREPARE vote 3/1 for 9fc2a0`. */
function inWords({ type, height, round, step, blockHash }: ConsensusMessage): string {
  const what = `${STEPS[step]} ${type === MESSAGE_VOTE ? 'vote' : 'proposal'} ${height}/${round}`;
  return blockHash ? `${what} for ${Buffer.from(blockHash.subarray(0, 3)).toString('hex')}` : what;
}
