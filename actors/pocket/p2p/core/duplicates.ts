export interface KnownConnection {
  readonly id: string;
  /** True if this node dialled it. */
  readonly outbound: boolean;
  readonly opened_ms: number;
}

/**
 * Two connections opened within this time came from dialling each other at once: both ends see both. A dial of
 * a pair that has been connected for longer means that the dialler lost the old connection.
 */
const SIMULTANEOUS_ms = 10_000;

/**
 * Which of the connections to one peer stays. Both ends answer the same, from what both know: of two that were
 * dialled at once, the one dialled by the smaller peer id; else the newer.
 */
export function connectionToKeep(self: string, peer: string, connections: readonly KnownConnection[]): string {
  const byAge = [...connections].sort((a, b) => a.opened_ms - b.opened_ms);
  return byAge.reduce((kept, next) => (prefers(self < peer, kept, next) ? kept : next)).id;
}

function prefers(selfIsSmaller: boolean, older: KnownConnection, newer: KnownConnection): boolean {
  if (older.outbound === newer.outbound) return false;
  if (newer.opened_ms - older.opened_ms > SIMULTANEOUS_ms) return false;
  return older.outbound === selfIsSmaller;
}
