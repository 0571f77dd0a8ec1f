import { blockHash, decodeHeader, type Header } from '../../chain/block.ts';
import { equalBytes } from '../../chain/hex.ts';
import { verifyHeader } from '../../chain/light-client.ts';
import type { SyncedHeader } from '../../chain/sync.ts';
import { decodeValidatorSet, type ValidatorSet, validatorSetHash } from '../../chain/validators.ts';
import type { State } from './state.ts';
import { liedPeer } from './sync-peers.ts';
import type { Anchor, SyncPeer } from './sync-state.ts';

/** Our tip is trusted: it came by certificates, or it is genesis. */
export function anchorAtTip(s: State): Anchor {
  const { height, stateHash, timestamp_ms, blockHash: hash } = s.tip;
  const { networkId } = s.settings;
  const nextValSetHash = validatorSetHash(s.validators);
  return {
    trusted: { header: { networkId, height, stateHash, timestamp_ms, nextValSetHash }, hash },
    validators: s.validators,
    changed: null,
  };
}

/**
 * The header to ask for next on the way to `goal`: the goal itself while the validators may have stayed the same; else
 * by halves towards the last header that the trusted validators decided, which names the next ones.
 */
export function nextProbe({ trusted, changed }: Anchor, goal: bigint): bigint {
  return changed ? (trusted.header.height + changed.height) / 2n : goal;
}

/** Takes the answer to a probe. What is provably false costs the peer that said it. */
export function judgeProbe(s: State, anchor: Anchor, probe: bigint, shown: SyncedHeader, peer: SyncPeer) {
  const header = headerOf(shown.header);
  if (!header || header.height !== probe) return liedPeer(s, peer, 'header_malformed');
  const { trusted, validators } = anchor;
  if (!equalBytes(header.valSetHash, trusted.header.nextValSetHash)) {
    // The header after the trusted one is known to be decided by those that the trusted one names.
    if (probe === trusted.header.height + 1n) return liedPeer(s, peer, 'header_validators');
    anchor.changed = { height: probe, peer };
    return;
  }
  const next = nextSet(header, shown.validators, validators);
  if (!next || !isProven(s, anchor, header, shown.commitQc)) return liedPeer(s, peer, 'header_forged');
  anchor.trusted = { header, hash: blockHash(header) };
  const { changed } = anchor;
  if (next !== validators) {
    anchor.validators = next;
    anchor.changed = null;
  } else if (changed && changed.height === header.height + 1n) {
    anchor.changed = null;
    liedPeer(s, changed.peer, 'header_validators');
  }
}

function headerOf(bytes: Uint8Array): Header | null {
  try {
    return decodeHeader(bytes);
  } catch {
    return null;
  }
}

function isProven(s: State, { trusted, validators }: Anchor, header: Header, commitQc: Uint8Array): boolean {
  try {
    verifyHeader(trusted, header, commitQc, validators, s.rules.verifyQc);
    return true;
  } catch {
    return false;
  }
}

/** Those that decide the height after the header: the same, or the set that is shown with it. */
function nextSet(header: Header, shown: Uint8Array, same: ValidatorSet): ValidatorSet | null {
  if (equalBytes(header.nextValSetHash, header.valSetHash)) return same;
  try {
    const set = decodeValidatorSet(shown);
    return equalBytes(validatorSetHash(set), header.nextValSetHash) ? set : null;
  } catch {
    return null;
  }
}
