import type { DeclaredPeers } from './control.ts';

/** An actor as far as connections are concerned. */
export interface Party {
  readonly name: string;
  readonly peers: DeclaredPeers;
}

/** True if the two are to be connected. */
export function areLinked(a: Party, b: Party): boolean {
  return a.peers.observes || b.peers.observes || talksTo(a, b) || talksTo(b, a);
}

/** Names of those of the two whose protocol travels between them. */
export function spokenBetween(a: Party, b: Party): string[] {
  return [...(talksTo(b, a) ? [a.name] : []), ...(talksTo(a, b) ? [b.name] : [])];
}

/** True if the first talks to or hears the second. */
function talksTo(a: Party, b: Party): boolean {
  return a.peers.uses.includes(b.name) || a.peers.listens.includes(b.name);
}
