/** Judges what the observer wrote down, in a pass of its own over the file. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Line } from './record-line.ts';
import { isProven, keysOf, readMessage, STEP_NAMES, type Statement, signedBytes, VOTE } from './statement.ts';

/** Two statements of one key, each signed, in one place. */
export interface Contradiction {
  /** Address of the signer. */
  readonly address: string;
  readonly place: string;
  /** Block hash, hash of the justifying certificate, signature, and how it was heard. */
  readonly statements: readonly string[];
}

export interface Verdict {
  /** Messages that the observer's validators took from the wire: a broadcast counts for each of them. */
  readonly messages: number;
  /** Different statements, those in certificates included. */
  readonly statements: number;
  /** Different votes of the victim, and of them those that were seen in certificates only. */
  readonly victim_votes: number;
  readonly victim_votes_in_certificates: number;
  readonly victim_proposals: number;
  /** Different statements of the victim by kind. */
  readonly victim_by_kind: Readonly<Record<string, number>>;
  /** The last height at which the victim has signed something. */
  readonly height: string;
  /** Statements whose signature is not the signer's: they prove nothing. */
  readonly unproven: number;
  /** Messages that reached a validator of the observer and were not recorded. */
  readonly missed: number;
  readonly contradictions: readonly Contradiction[];
}

interface Place {
  readonly name: string;
  /** By the signed bytes, as hex. */
  readonly said: Map<string, { statement: Statement; how: string }>;
}

/** Collects statements by signer and place. */
export class Ledger {
  readonly #keys: ReturnType<typeof keysOf>;
  readonly #places = new Map<string, Place & { address: string }>();
  #unproven = 0;

  /** @param genesisFile its text: it names the keys */
  constructor(genesisFile: string) {
    this.#keys = keysOf(genesisFile);
  }

  /** Takes a statement that was heard; what is not signed by its signer is counted and left out. */
  take(statement: Statement, how: string): void {
    const { address, networkId, type, height, round, step } = statement;
    const kind = kindOf(statement);
    const name = `network ${networkId}, height ${height}, round ${round}, ${kind}`;
    const id = `${address} ${networkId} ${type} ${height} ${round} ${step}`;
    const content = Buffer.from(signedBytes(statement)).toString('hex');
    const place = this.#places.get(id) ?? { address, name, said: new Map() };
    // Ed25519 signatures of a node are deterministic; one of many equal copies is looked at.
    if (place.said.has(content)) return;
    if (!isProven(statement, this.#keys)) {
      this.#unproven++;
      return;
    }
    place.said.set(content, { statement, how });
    this.#places.set(id, place);
  }

  /** What one message says, and what is said in the certificates that it carries. */
  takeMessage(message: Uint8Array): void {
    const { statement, certified } = readMessage(message);
    this.take(statement, 'message');
    for (const one of certified) this.take(one, 'certificate');
  }

  get contradictions(): Contradiction[] {
    return [...this.#places.values()]
      .filter(({ said }) => said.size > 1)
      .map(({ address, name, said }) => ({
        address,
        place: name,
        statements: [...said.values()].map(
          ({ statement, how }) =>
            `block ${statement.blockHash || 'none'}, justified by ${statement.justifyHash || 'none'}, signature ${statement.signature}, heard in a ${how}`,
        ),
      }));
  }

  verdict(victim: string): Omit<Verdict, 'messages' | 'missed'> {
    const all = [...this.#places.values()].flatMap(({ said }) => [...said.values()]);
    const own = all.filter(({ statement }) => statement.address === victim);
    const votes = own.filter(({ statement }) => statement.type === VOTE);
    const byKind: Record<string, number> = {};
    for (const { statement } of own) byKind[kindOf(statement)] = (byKind[kindOf(statement)] ?? 0) + 1;
    const heights = own.map(({ statement }) => statement.height).sort((a, b) => (a < b ? -1 : 1));
    return {
      statements: all.length,
      victim_votes: votes.length,
      victim_votes_in_certificates: votes.filter(({ how }) => how === 'certificate').length,
      victim_proposals: own.length - votes.length,
      victim_by_kind: byKind,
      height: (heights.at(-1) ?? 0n).toString(),
      unproven: this.#unproven,
      contradictions: this.contradictions,
    };
  }
}

/** Reads all of the observer's file. @param victim its address */
export async function judge(file: string, genesisFile: string, victim: string): Promise<Verdict> {
  const ledger = new Ledger(genesisFile);
  let [messages, missed] = [0, 0];
  for await (const text of createInterface({ input: createReadStream(file) })) {
    const line = JSON.parse(text) as Line;
    if ('end' in line) {
      missed += line.dropped;
      continue;
    }
    messages++;
    ledger.takeMessage(Buffer.from(line.message, 'base64'));
  }
  return { messages, missed, ...ledger.verdict(victim) };
}

export function kindOf({ type, step }: { type: number; step: number }): string {
  return `${type === VOTE ? 'vote' : 'proposal'} ${STEP_NAMES[step] ?? step}`;
}
