import type { ActorHealth } from '../../../../runtime/main-protocol.ts';
import type { SyncStatus } from '../../consensus/protocol.ts';
import type { HealthAnswer } from './answers.ts';

/** Without one of these the node does not follow the chain or cannot answer about it; without the others it can. */
const NEEDED: ReadonlySet<string> = new Set(['database', 'signer', 'persistence', 'p2p', 'utility', 'consensus']);

/** The actor that asks: it answers, whatever the supervisor thinks of it at the moment. */
const ASKER = 'rpc';

/** What a part of the node answered, or the code of the error that came instead. */
export type Finding<T> = { readonly answer: T } | { readonly code: string };

export interface Findings {
  /** Latest committed height. */
  readonly database: Finding<bigint>;
  readonly consensus: Finding<{
    readonly syncing: boolean;
    readonly quorum: boolean;
    readonly sync: Pick<SyncStatus, 'state'>;
  }>;
  readonly p2p: Finding<{ readonly peers: readonly { readonly connected: boolean }[] }>;
  readonly supervisor: Finding<{ readonly actors: readonly ActorHealth[] }>;
}

/** State of the node from what its parts say of themselves and the supervisor of all of them. */
export function healthOf(findings: Findings): HealthAnswer {
  const causes = new Map<string, string>();
  // Of an actor that is down, the supervisor knows why; the error that was met when asking it says less.
  for (const actor of answered(findings.supervisor)?.actors ?? []) {
    if (actor.phase !== 'running' && actor.name !== ASKER) causes.set(actor.name, causeOf(actor));
  }
  for (const [part, finding] of Object.entries(findings)) {
    if ('code' in finding && !causes.has(part)) causes.set(part, finding.code);
  }
  const syncing = answered(findings.consensus)?.syncing ?? false;
  // It answers, and takes transactions; nothing is decided until others are back.
  if (answered(findings.consensus)?.quorum === false) causes.set('validators', 'NO_QUORUM');
  const reasons = [...causes].map(([part, cause]) => `${part}: ${cause}`);
  return {
    live: true,
    ready: !syncing && ![...causes.keys()].some((part) => NEEDED.has(part)),
    degraded: causes.size > 0,
    reasons: syncing ? [...reasons, 'consensus: SYNCING'] : reasons,
    height: answered(findings.database) ?? -1n,
    peers: answered(findings.p2p)?.peers.filter((peer) => peer.connected).length ?? -1,
    syncing,
    sync_state: answered(findings.consensus)?.sync.state ?? 'unknown',
  };
}

function answered<T>(finding: Finding<T>): T | undefined {
  return 'answer' in finding ? finding.answer : undefined;
}

/** What an actor that does not run is doing, and the code of its last death if it had one. */
function causeOf({ phase, reason, restarts }: ActorHealth): string {
  const hasLived = restarts > 0 || reason !== '';
  const state = phase === 'resting' || phase === 'ended' ? phase.toUpperCase() : hasLived ? 'RESTARTING' : 'STARTING';
  return reason === '' ? state : `${state} ${reason}`;
}
