import { sha256 } from '../../../../wasm/hash.ts';
import { blockHash, decodeBlock } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { decodeSnapshotManifest, isSnapshotChunk, type SnapshotManifest } from '../../chain/snapshot.ts';
import type { Ask, Effect, Fact, Fetch } from '../core/effect.ts';
import type { Input } from '../core/input.ts';
import { hotpokt } from '../core/rules.ts';
import type { State } from '../core/state.ts';
import { begin, isWanted, step } from '../core/step.ts';
import { type Chain, type ChainSnapshot, commitQcOf, NETWORK, verifyModelQc } from './chain.ts';

const UNSIGNED = { height: 0n, round: 0, step: 0, prepareQc: null, lockedQc: null };

/** What a scripted peer does. All but `honest`, `slow`, `pruned` and `away` are lies or silence. */
export type Behaviour =
  | 'honest'
  /** A hundredth of the speed. */
  | 'slow'
  /** Answers about half of the requests, and lets the others run out. */
  | 'moody'
  /** Is connected, and never answers. */
  | 'stalls'
  | 'away'
  /** Has nothing below its snapshot. */
  | 'pruned'
  /** Certificates that nobody signed. */
  | 'forges certificates'
  /** Other blocks than were decided, with the certificates of those that were. */
  | 'forges blocks'
  /** The block of another height, which is a good one. */
  | 'shifts blocks'
  | 'serves garbage'
  /** Claims a million heights, and has none of them. */
  | 'boasts'
  /** Says and serves nothing above height 0. */
  | 'empty'
  /** Snapshots and headers that are not of this chain; its blocks are good. */
  | 'forges snapshots'
  /** A manifest that binds to the right header, and rows that do not give its state. */
  | 'forges rows';

export interface ScriptedPeer {
  readonly address: Uint8Array;
  readonly behaviour: Behaviour;
}

export interface WorldOptions {
  readonly chain: Chain;
  readonly peers: readonly ScriptedPeer[];
  readonly self: Uint8Array;
  /** Height that the node has already. */
  readonly from?: bigint;
  readonly snapshotThreshold_blocks?: number;
  /** Height of the snapshot that peers have; 0: none. */
  readonly snapshotAt?: bigint;
}

interface Task {
  at_ms: number;
  order: number;
  run(): void;
}

const LATENCY_ms = 5;
/** Bytes per ms of a peer. */
const SPEED = 1_000;
const EXECUTION_ms = 4;
const COMMIT_ms = 6;
const CLAIMED = 1_000_000n;

/** One core that catches up, peers that follow a script, and virtual time. What it commits is compared with the chain. */
export class SyncWorld {
  now_ms = 1_000_000;
  readonly state: State;
  readonly facts: Fact[] = [];
  readonly accused = new Set<string>();
  readonly requests = new Map<string, number>();
  /** Commits that are not the chain's, and whatever else must not happen. */
  readonly wrong: string[] = [];
  height: bigint;
  peakWindow = 0;
  peakOfPeer = 0;
  restores = 0;
  readonly #options: WorldOptions;
  readonly #tasks: Task[] = [];
  readonly #staged = new Map<string, bigint>();
  readonly #snapshots: { good: ChainSnapshot; false: ChainSnapshot } | null;
  #incoming: { manifest: SnapshotManifest; bytes: Uint8Array; chunks: Map<number, Uint8Array> } | null = null;
  #order = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { chain, self, snapshotAt = 0n } = options;
    this.height = options.from ?? 0n;
    this.#snapshots =
      snapshotAt > 0n ? { good: chain.snapshot(snapshotAt), false: chain.snapshot(snapshotAt, 1) } : null;
    const settings = {
      networkId: NETWORK,
      self,
      blockInterval_ms: 500,
      emptyBlockInterval_ms: 1_000,
      maxBlockBytes: 100_000,
      timeout_ms: 2_000,
      timeoutCap_ms: 60_000,
      resend_ms: 500,
      maxClockDrift_ms: 5_000,
      election: 'round_robin' as const,
      snapshotThreshold_blocks: options.snapshotThreshold_blocks ?? 0,
    };
    const rules = { ...hotpokt, verifyQc: verifyModelQc };
    const tip = chain.tip(this.height);
    const begun = begin({ settings, rules, tip, record: UNSIGNED, manual: false, mempool: 0 }, this.now_ms);
    this.state = begun.state;
    this.#perform(begun.effects);
    this.input({ kind: 'peers', addresses: options.peers.map(({ address }) => address) });
  }

  input(input: Input) {
    this.#perform(step(this.state, input, this.now_ms));
    const { window, peers } = this.state.sync;
    this.peakWindow = Math.max(this.peakWindow, window.size);
    this.peakOfPeer = Math.max(this.peakOfPeer, ...[...peers.values()].map((peer) => peer.inFlight));
  }

  after(delay_ms: number, run: () => void) {
    this.#tasks.push({ at_ms: this.now_ms + delay_ms, order: this.#order++, run });
  }

  /** Runs until it is done or the time is over; false in the latter case. */
  run(duration_ms: number, done: () => boolean = () => false): boolean {
    const end_ms = this.now_ms + duration_ms;
    while (!done()) {
      const at = this.#next();
      const next = this.#tasks[at];
      if (!next || next.at_ms > end_ms) {
        this.now_ms = end_ms;
        return false;
      }
      this.#tasks.splice(at, 1);
      this.now_ms = next.at_ms;
      next.run();
    }
    return true;
  }

  badPeers(): Set<string> {
    return new Set(this.facts.flatMap((one) => (one.fact === 'badPeer' ? [one.address] : [])));
  }

  phases(): string[] {
    return this.facts.flatMap((one) => (one.fact === 'phase' ? [one.to] : []));
  }

  #next(): number {
    let at = 0;
    for (let i = 1; i < this.#tasks.length; i++) {
      const [a, b] = [this.#tasks[i]!, this.#tasks[at]!];
      if (a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order)) at = i;
    }
    return at;
  }

  #perform(effects: readonly Effect[]) {
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: Effect) {
    if (effect.kind === 'fact') this.facts.push(effect.fact);
    else if (effect.kind === 'accuse') this.accused.add(toHex(effect.address));
    else if (effect.kind === 'fatal') this.wrong.push(`${effect.code}: ${effect.message}`);
    else if (effect.kind === 'ask') this.#ask(effect.id, effect.ask);
    else if (effect.kind === 'setTimer') {
      const { timer, token } = effect;
      this.after(effect.delay_ms, () => this.input({ kind: 'timer', timer, token }));
    }
  }

  #ask(id: number, ask: Ask) {
    const answer = (delay_ms: number, input: () => Input) =>
      this.after(delay_ms, () => {
        if (isWanted(this.state, id)) this.input(input());
        else input();
      });
    switch (ask.kind) {
      case 'execute':
        return answer(EXECUTION_ms, () => this.#execute(id, ask.block));
      case 'commit':
        return answer(COMMIT_ms, () => this.#commit(id, ask.blockHash));
      case 'load':
        return answer(1, () => ({ kind: 'block', id, block: null }));
      case 'tip':
        return answer(1, () => ({ kind: 'tip', id, tip: this.#options.chain.tip(this.height) }));
      case 'restoreBegin':
      case 'restoreChunk':
      case 'restoreEnd':
        return answer(2, () => this.#restore(id, ask));
      case 'sign':
      case 'prove':
      case 'propose':
        return answer(1, () => ({ kind: 'failed', id, code: 'UNUSED', message: '' }));
      default:
        return this.#fetch(id, ask);
    }
  }

  #execute(id: number, block: Uint8Array): Input {
    const { header } = decodeBlock(block);
    const { height } = header;
    const staged = this.#staged.get(toHex(header.parentHash));
    const parent = this.#options.chain.tip(this.height);
    if (!equalBytes(parent.blockHash, header.parentHash) && staged === undefined) {
      return { kind: 'failed', id, code: 'PARENT_UNKNOWN', message: '' };
    }
    const hash = blockHash(header);
    if (!equalBytes(hash, this.#options.chain.at(height)?.hash ?? new Uint8Array())) {
      this.wrong.push(`executed another block of height ${height}`);
    }
    this.#staged.set(toHex(hash), height);
    return { kind: 'executed', id };
  }

  #commit(id: number, hash: Uint8Array): Input {
    const height = this.#staged.get(toHex(hash));
    if (height === this.height && equalBytes(hash, this.#options.chain.tip(height).blockHash)) {
      return { kind: 'committed', id, validators: this.#options.chain.tip(this.height).validators };
    }
    if (height === undefined) return { kind: 'failed', id, code: 'BLOCK_NOT_STAGED', message: '' };
    if (height !== this.height + 1n) this.wrong.push(`committed ${height} on ${this.height}`);
    this.height = height;
    return { kind: 'committed', id, validators: this.#options.chain.tip(height).validators };
  }

  #restore(id: number, ask: Extract<Ask, { kind: `restore${string}` }>): Input {
    const failed = (code: string): Input => ({ kind: 'failed', id, code, message: '' });
    if (ask.kind === 'restoreBegin') {
      const manifest = decodeSnapshotManifest(ask.manifest);
      if (!this.#incoming || !equalBytes(this.#incoming.bytes, ask.manifest)) {
        this.#incoming = { manifest, bytes: ask.manifest, chunks: new Map() };
      }
      const { chunks } = this.#incoming;
      return { kind: 'missing', id, missing: [...manifest.chunks.keys()].filter((index) => !chunks.has(index)) };
    }
    if (!this.#incoming) return failed('SNAPSHOT_NOT_BEGUN');
    const { manifest, bytes, chunks } = this.#incoming;
    if (ask.kind === 'restoreChunk') {
      const info = manifest.chunks[ask.index];
      if (!info || !isSnapshotChunk(info, ask.chunk)) return failed('SNAPSHOT_CHUNK_MISMATCH');
      chunks.set(ask.index, ask.chunk);
      return { kind: 'stored', id };
    }
    this.#incoming = null;
    if (chunks.size !== manifest.chunks.length) return failed('SNAPSHOT_INCOMPLETE');
    const good = this.#snapshots?.good.manifest;
    if (!good || !equalBytes(sha256(good), sha256(bytes))) return failed('STATE_HASH_MISMATCH');
    this.restores++;
    this.height = manifest.header.height;
    return { kind: 'tip', id, tip: this.#options.chain.tip(this.height) };
  }

  #fetch(id: number, ask: Fetch) {
    const peer = this.#options.peers.find(({ address }) => equalBytes(address, ask.from));
    const timeout_ms = 'timeout_ms' in ask ? ask.timeout_ms : 5_000;
    const fail = (delay_ms: number, code: string) =>
      this.after(delay_ms, () => this.input({ kind: 'failed', id, code, message: '' }));
    if (!peer || peer.behaviour === 'away') return fail(1, 'PEER_UNREACHABLE');
    const asked = (this.requests.get(toHex(ask.from)) ?? 0) + 1;
    this.requests.set(toHex(ask.from), asked);
    const isMute = peer.behaviour === 'stalls' && ask.kind !== 'fetchMetadata';
    if (isMute || (peer.behaviour === 'moody' && asked % 2 === 0)) return fail(timeout_ms, 'DEADLINE_EXCEEDED');
    const answer = this.#answer(id, ask, peer.behaviour);
    if (!answer) return fail(LATENCY_ms, 'PEER_UNREACHABLE');
    const speed = peer.behaviour === 'slow' ? SPEED / 100 : SPEED;
    const delay_ms = LATENCY_ms + sizeOf(answer) / speed;
    if (delay_ms > timeout_ms) fail(timeout_ms, 'DEADLINE_EXCEEDED');
    else this.after(delay_ms, () => this.input(answer));
  }

  #answer(id: number, ask: Fetch, behaviour: Behaviour): Input | null {
    const { chain } = this.#options;
    const snapshot = behaviour === 'forges rows' ? this.#snapshots?.false : this.#snapshots?.good;
    switch (ask.kind) {
      case 'fetchMetadata':
        return { kind: 'metadata', id, metadata: this.#metadata(behaviour) };
      case 'fetchBlocks':
        return { kind: 'blocks', id, blocks: this.#blocks(ask.height, ask.count, behaviour) };
      case 'fetchHeader':
        return { kind: 'headers', id, headers: this.#headers(ask.height, behaviour) };
      case 'fetchManifest':
        if (behaviour === 'forges snapshots') return { kind: 'manifest', id, manifest: Uint8Array.of(1, 2, 3) };
        return { kind: 'manifest', id, manifest: snapshot?.manifest ?? null };
      case 'fetchChunk':
        return { kind: 'chunk', id, chunk: snapshot?.chunks[ask.index] ?? null };
      default:
        return chain.height > 0n ? null : { kind: 'block', id, block: null };
    }
  }

  #metadata(behaviour: Behaviour) {
    const { chain, snapshotAt = 0n } = this.#options;
    const snapshots = snapshotAt > 0n ? [snapshotAt] : [];
    const tipHash = chain.tip().blockHash;
    if (behaviour === 'boasts') return { minHeight: 1n, maxHeight: CLAIMED, tipHash, snapshots: [CLAIMED] };
    if (behaviour === 'empty') return { minHeight: 1n, maxHeight: 0n, tipHash, snapshots: [] };
    const minHeight = behaviour === 'pruned' ? snapshotAt : 1n;
    return { minHeight, maxHeight: chain.height, tipHash, snapshots };
  }

  #blocks(from: bigint, count: number, behaviour: Behaviour) {
    const { chain, snapshotAt = 0n } = this.#options;
    if (behaviour === 'boasts' || behaviour === 'empty') return [];
    if (behaviour === 'pruned' && from < snapshotAt) return [];
    const found = [];
    for (let height = from; height < from + BigInt(count); height++) {
      const shifted = behaviour === 'shifts blocks' ? chain.at(height + 1n) : undefined;
      const block = shifted ?? chain.at(height);
      if (!block) break;
      if (behaviour === 'forges certificates') {
        found.push({ block: block.bytes, commitQc: commitQcOf(block.voters, height, block.hash, true) });
      } else if (behaviour === 'forges blocks') {
        found.push({ block: chain.at((height % chain.height) + 1n)!.bytes, commitQc: block.commitQc });
      } else if (behaviour === 'serves garbage') {
        found.push({ block: Uint8Array.of(1, 2, 3), commitQc: Uint8Array.of(4) });
      } else found.push({ block: block.bytes, commitQc: block.commitQc });
    }
    return found;
  }

  #headers(height: bigint, behaviour: Behaviour) {
    const shown = this.#options.chain.shown(height);
    if (!shown || behaviour === 'boasts' || behaviour === 'empty') return [];
    const isLie = behaviour === 'forges snapshots' || behaviour === 'serves garbage';
    if (!isLie) return [shown];
    const block = this.#options.chain.at(height)!;
    return [{ ...shown, commitQc: commitQcOf(block.voters, height, block.hash, true) }];
  }
}

function sizeOf(answer: Input): number {
  if (answer.kind === 'blocks') return answer.blocks.reduce((sum, one) => sum + one.block.length, 0);
  return 500;
}
