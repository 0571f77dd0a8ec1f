import type { Peer } from '../../../runtime/actor.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { toErrorRecord } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import type { SignerProtocol } from '../../host/signer/protocol.ts';
import { toHex } from '../chain/hex.ts';
import { decodeSyncResponse, encodeSyncRequest, type SyncRequest } from '../chain/sync.ts';
import type { Validator } from '../chain/validators.ts';
import type { P2pProtocol } from '../p2p/protocol.ts';
import type { PersistenceProtocol } from '../persistence/protocol.ts';
import type { UtilityProtocol } from '../utility/protocol.ts';
import type { Ask, Fetch, Restore } from './core/effect.ts';
import type { Input } from './core/input.ts';

export interface Peers {
  readonly signer: Peer<SignerProtocol>;
  readonly persistence: Peer<PersistenceProtocol>;
  readonly utility: Peer<UtilityProtocol>;
  readonly p2p: Peer<P2pProtocol>;
}

/** A peer that restarts or is full, a signer elsewhere that is away: it passes, and every ask here may be repeated. */
const TRANSIENT = new Set(['ACTOR_RESTARTED', 'MAILBOX_FULL', 'DEADLINE_EXCEEDED', 'SIGNER_UNREACHABLE']);
/** A restarted actor answers after some 40 ms. */
const FIRST_DELAY_MS = 25;
const LAST_DELAY_MS = 1_000;

/** Runs an ask until it is answered, fails for good (this throws), or is not wanted any more (null). */
export async function persist<T>(clock: Clock, isWanted: () => boolean, once: () => Promise<T>): Promise<T | null> {
  for (let delay_ms = FIRST_DELAY_MS; isWanted(); delay_ms = Math.min(2 * delay_ms, LAST_DELAY_MS)) {
    try {
      return await once();
    } catch (error) {
      if (!TRANSIENT.has(toErrorRecord(error).code)) throw error;
    }
    await new Promise<void>((resolve) => clock.after(delay_ms, resolve));
  }
  return null;
}

/**
 * The trace of the work on one height: the same on every node, so that their logs and spans fit together.
 * @returns a W3C trace id, 32 hex digits
 */
export function heightTrace(networkId: string, height: bigint): string {
  return toHex(sha256(new TextEncoder().encode(`${networkId}/${height}`))).slice(0, 32);
}

/** One question of the core to the actor that answers it. */
export async function put(peers: Peers, id: number, ask: Ask, trace: string): Promise<Input> {
  switch (ask.kind) {
    case 'sign': {
      const { signature } = await peers.signer.ask('sign', ask.request, { trace });
      return { kind: 'signed', id, signature };
    }
    case 'prove': {
      const { kind, ...place } = ask;
      const { proof } = await peers.signer.ask(kind, place, { trace });
      return { kind: 'proved', id, proof };
    }
    case 'propose': {
      const { kind, ...question } = ask;
      const { block } = await peers.utility.ask(kind, question, { trace });
      return { kind: 'proposed', id, block };
    }
    case 'execute':
      await peers.utility.ask('execute', { block: ask.block }, { trace });
      return { kind: 'executed', id };
    case 'commit':
      return { kind: 'committed', id, validators: await commit(peers, ask, trace) };
    case 'load': {
      const { block } = await peers.persistence.ask('block', { blockHash: ask.blockHash });
      return { kind: 'block', id, block };
    }
    case 'tip':
      return { kind: 'tip', id, tip: await peers.persistence.ask('tip', {}) };
    case 'restoreBegin':
    case 'restoreChunk':
    case 'restoreEnd':
      return restore(peers, id, ask);
    default:
      return fetchFrom(peers, id, ask);
  }
}

/** Parts of a snapshot, into the database. */
async function restore({ persistence }: Peers, id: number, ask: Restore): Promise<Input> {
  if (ask.kind === 'restoreBegin') {
    const { missing } = await persistence.ask('restoreBegin', { manifest: ask.manifest });
    return { kind: 'missing', id, missing };
  }
  if (ask.kind === 'restoreEnd') return { kind: 'tip', id, tip: await persistence.ask('restoreEnd', {}) };
  await persistence.ask('restoreChunk', { index: ask.index, chunk: ask.chunk });
  return { kind: 'stored', id };
}

/** @returns who decides the next height */
async function commit(peers: Peers, ask: Extract<Ask, { kind: 'commit' }>, trace: string): Promise<Validator[]> {
  const { blockHash, commitQc } = ask;
  const { validators } = await peers.persistence.ask('commit', { blockHash, commitQc }, { trace });
  return validators;
}

/** Another peer is asked instead of the same one again, so nothing of this is transient. */
async function fetchFrom({ p2p }: Peers, id: number, ask: Fetch): Promise<Input> {
  try {
    const request = requestOf(ask);
    const body = { to: ask.from, request: encodeSyncRequest(request) };
    const { response } = await p2p.ask('request', body, 'timeout_ms' in ask ? { timeout_ms: ask.timeout_ms } : {});
    const answer = decodeSyncResponse(response);
    if (answer.kind === request.kind) return { ...answer, id };
    return { kind: 'failed', id, code: 'PEER_PROTOCOL', message: 'the peer answered another question' };
  } catch (error) {
    return failure(id, error);
  }
}

function requestOf(ask: Fetch): SyncRequest {
  switch (ask.kind) {
    case 'fetchBlock':
      return { kind: 'block', blockHash: ask.blockHash };
    case 'fetchBlocks':
      return { kind: 'blocks', from: ask.height, count: ask.count };
    case 'fetchMetadata':
      return { kind: 'metadata' };
    case 'fetchHeader':
      return { kind: 'headers', from: ask.height, count: 1 };
    case 'fetchManifest':
      return { kind: 'manifest', height: ask.height };
    case 'fetchChunk':
      return { kind: 'chunk', height: ask.height, index: ask.index };
  }
}

export function failure(id: number, error: unknown): Input {
  const { code, message } = toErrorRecord(error);
  return { kind: 'failed', id, code, message };
}
