import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKeyOf, sign } from '../../../../wasm/ed25519.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import type { SignRequest } from '../../../host/signer/protocol.ts';
import { addressOf } from '../../chain/address.ts';
import { type Block, blockHash, bodyRoot, encodeBlock } from '../../chain/block.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
  decodeQc,
  encodeQc,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { encodeTimeoutCertificate } from '../../chain/timeout-certificate.ts';
import { leaderOf, type Validator, validatorSet } from '../../chain/validators.ts';
import type { Ask, Effect, Fact } from './effect.ts';
import type { Input } from './input.ts';
import { hotpokt } from './rules.ts';
import type { Settings, State } from './state.ts';
import { begin, step } from './step.ts';

const NETWORK = 'test';
const NOW_MS = 1_000_000;
const GENESIS = sha256(new TextEncoder().encode('genesis'));
const seeds = new Map<string, Uint8Array>();
const set = validatorSet(
  [1, 2, 3, 4].map((number): Validator => {
    const seed = sha256(Uint8Array.of(number));
    const publicKey = publicKeyOf(seed);
    const address = addressOf(publicKey);
    seeds.set(toHex(address), seed);
    return { address, publicKey, serviceUrl: `node${number}:1`, power: 1n };
  }),
);
/** Leader of height 1 and round 0, and of round 1. */
const leader = leaderOf(set, 1n, 0).address;
const next = leaderOf(set, 1n, 1).address;
const [replica, other] = set.list.map(({ address }) => address).filter((one) => one !== leader && one !== next);

interface Draft {
  from?: Uint8Array;
  type?: number;
  height?: bigint;
  round?: number;
  step: number;
  blockHash?: Uint8Array;
  block?: Uint8Array;
  justify?: Uint8Array;
  proof?: Uint8Array;
  timeout?: Uint8Array;
}

function message({ from = leader, ...draft }: Draft): ConsensusMessage {
  const unsigned = {
    type: draft.type ?? MESSAGE_PROPOSE,
    height: draft.height ?? 1n,
    round: draft.round ?? 0,
    step: draft.step,
    blockHash: draft.blockHash ?? null,
    block: draft.block ?? null,
    justify: draft.justify ?? null,
    proof: draft.proof ?? null,
    timeout: draft.timeout ?? null,
    networkId: NETWORK,
  };
  const signature = sign(seeds.get(toHex(from))!, consensusSignBytes(unsigned));
  return { ...unsigned, address: from, signature };
}

/** All four have entered a round of height 1. */
function timeoutFor(round: number): Uint8Array {
  const entries = set.list.map(({ address }) => {
    const { signature } = message({ from: address, step: STEP_NEWROUND, round });
    return { address, justifyHash: new Uint8Array(), signature };
  });
  return encodeTimeoutCertificate({ height: 1n, round, entries });
}

function vote(from: Uint8Array, at: number, hash: Uint8Array, round = 0): ConsensusMessage {
  return message({ from, type: MESSAGE_VOTE, step: at, blockHash: hash, round });
}

function certificate(at: number, hash: Uint8Array, round = 0, signers = 3, height = 1n): Uint8Array {
  const signatures = set.list.slice(0, signers).map(({ address }) => {
    const { signature } = message({ from: address, type: MESSAGE_VOTE, height, step: at, blockHash: hash, round });
    return { address, signature };
  });
  return encodeQc({ height, round, step: at, blockHash: hash, signatures });
}

function block(changes: Partial<Block['header']> = {}): { bytes: Uint8Array; hash: Uint8Array } {
  const hash = new Uint8Array(32).fill(7);
  const header = {
    height: 1n,
    networkId: NETWORK,
    stateHash: hash,
    prevStateHash: hash,
    proposerAddress: leader,
    quorumCertificate: new Uint8Array(),
    timestamp_ms: BigInt(NOW_MS),
    stateTreeHashes: [{ name: 'account', root: hash }],
    valSetHash: hash,
    nextValSetHash: hash,
    version: 1,
    parentHash: GENESIS,
    bodyRoot: bodyRoot([]),
    ...changes,
  };
  return { bytes: encodeBlock({ header, transactions: [] }), hash: blockHash(header) };
}

/** A core whose asks are answered at once: it signs, executes and commits everything. */
class Harness {
  readonly state: State;
  readonly sent: ConsensusMessage[] = [];
  readonly facts: Fact[] = [];
  readonly asks: Ask[] = [];
  refuse: (request: SignRequest) => string | null = () => null;
  execute: () => string | null = () => null;

  constructor(self: Uint8Array, record: Partial<Parameters<typeof begin>[0]['record']> = {}) {
    const settings: Settings = {
      networkId: NETWORK,
      self,
      blockInterval_ms: 500,
      emptyBlockInterval_ms: 1_000,
      maxBlockBytes: 10_000,
      timeout_ms: 2_000,
      timeoutCap_ms: 60_000,
      resend_ms: 500,
      maxClockDrift_ms: 5_000,
      election: 'round_robin',
      snapshotThreshold_blocks: 0,
    };
    const list = [...set.list];
    const tip = {
      height: 0n,
      blockHash: GENESIS,
      stateHash: GENESIS,
      timestamp_ms: 0n,
      commitQc: null,
      voters: list,
      validators: list,
    };
    const safety = { height: 0n, round: 0, step: 0, prepareQc: null, lockedQc: null, ...record };
    const begun = begin({ settings, rules: hotpokt, tip, record: safety, manual: false, mempool: 0 }, NOW_MS);
    this.state = begun.state;
    this.#perform(begun.effects);
  }

  take(...messages: ConsensusMessage[]) {
    for (const one of messages) this.input({ kind: 'message', message: one });
  }

  input(input: Input, now_ms = NOW_MS) {
    this.#perform(step(this.state, input, now_ms));
  }

  votes(at: number): ConsensusMessage[] {
    return this.sent.filter((one) => one.type === MESSAGE_VOTE && one.step === at);
  }

  proposals(at: number): ConsensusMessage[] {
    return this.sent.filter((one) => one.type === MESSAGE_PROPOSE && one.step === at);
  }

  reasons(): string[] {
    return this.facts.flatMap((one) => (one.fact === 'rejected' || one.fact === 'drop' ? [one.reason] : []));
  }

  #perform(effects: readonly Effect[]) {
    for (const effect of effects) {
      if (effect.kind === 'fact') this.facts.push(effect.fact);
      else if (effect.kind === 'send' || effect.kind === 'broadcast') this.sent.push(effect.message);
      else if (effect.kind === 'ask') this.#answer(effect.id, effect.ask);
    }
  }

  #answer(id: number, ask: Ask) {
    this.asks.push(ask);
    if (ask.kind === 'sign') {
      const code = this.refuse(ask.request);
      if (code) return this.input({ kind: 'failed', id, code, message: '' });
      const justify = ask.request.type === MESSAGE_VOTE ? null : ask.request.justify;
      const bytes = consensusSignBytes({ ...ask.request, justify, networkId: NETWORK });
      return this.input({ kind: 'signed', id, signature: sign(seeds.get(this.state.selfHex)!, bytes) });
    }
    if (ask.kind === 'execute') {
      const code = this.execute();
      return this.input(code ? { kind: 'failed', id, code, message: '' } : { kind: 'executed', id });
    }
    if (ask.kind === 'commit') return this.input({ kind: 'committed', id, validators: [...set.list] });
    if (ask.kind === 'load') return this.input({ kind: 'block', id, block: null });
    if (ask.kind === 'propose') return this.input({ kind: 'proposed', id, block: block().bytes });
  }
}

function prepare({ bytes, hash }: { bytes: Uint8Array; hash: Uint8Array }, round = 0, justify?: Uint8Array) {
  const from = leaderOf(set, 1n, round).address;
  const rest = { ...(justify && { justify }), ...(round > 0 && { timeout: timeoutFor(round) }) };
  return message({ from, round, step: STEP_PREPARE, block: bytes, blockHash: hash, ...rest });
}

function certified(at: number, hash: Uint8Array, justify = certificate(at - 1, hash)): ConsensusMessage {
  return message({ step: at, blockHash: hash, justify });
}

test('a replica votes step by step, once each, and commits on DECIDE', () => {
  const node = new Harness(replica!);
  const proposed = block();
  node.take(prepare(proposed));
  for (const at of [STEP_PRECOMMIT, STEP_COMMIT, STEP_DECIDE]) node.take(certified(at, proposed.hash));
  for (const at of [STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT]) assert.equal(new Set(node.votes(at)).size, 1);
  assert.equal(node.state.height, 2n);
  assert.equal(toHex(node.state.tip.blockHash), toHex(proposed.hash));
  assert.equal(node.proposals(STEP_NEWROUND).length, 2);
});

test('a repeated proposal is answered with the same vote', () => {
  const node = new Harness(replica!);
  const proposal = prepare(block());
  node.take(proposal, proposal, proposal);
  const votes = node.votes(STEP_PREPARE);
  assert.equal(votes.length, 3);
  assert.ok(votes.every((one) => one === votes[0]));
});

test('a second, different proposal gets no vote and is reported', () => {
  const node = new Harness(replica!);
  node.take(prepare(block()), prepare(block({ timestamp_ms: BigInt(NOW_MS + 1) })));
  assert.equal(node.votes(STEP_PREPARE).length, 1);
  assert.ok(node.facts.some(({ fact }) => fact === 'equivocation'));
});

test('a later step may overtake an earlier one: what is missing is fetched before the vote', () => {
  const node = new Harness(replica!);
  const proposed = block();
  node.take(certified(STEP_PRECOMMIT, proposed.hash));
  assert.equal(node.votes(STEP_PRECOMMIT).length, 0);
  const fetch = node.asks.find(({ kind }) => kind === 'fetchBlock');
  assert.ok(fetch?.kind === 'fetchBlock' && equalBytes(fetch.from, leader), 'of the leader first');
  node.take(prepare(proposed));
  assert.equal(node.votes(STEP_PREPARE).length, 0);
  assert.equal(node.votes(STEP_PRECOMMIT).length, 1);
});

const BAD_BLOCKS: [string, Partial<Block['header']>][] = [
  ['wrong_height', { height: 2n, quorumCertificate: Uint8Array.of(1) }],
  ['wrong_network', { networkId: 'other' }],
  ['wrong_parent', { parentHash: new Uint8Array(32) }],
  ['wrong_proposer', { proposerAddress: next }],
  ['time_not_after_parent', { timestamp_ms: 0n }],
  ['time_ahead', { timestamp_ms: BigInt(NOW_MS + 5_001) }],
];
for (const [reason, changes] of BAD_BLOCKS) {
  test(`a proposal is rejected and the round left: ${reason}`, () => {
    const node = new Harness(replica!);
    node.take(prepare(block(changes)));
    assert.ok(node.reasons().includes(reason), node.reasons().join());
    assert.equal(node.votes(STEP_PREPARE).length, 0);
    assert.equal(node.state.view.round, 1);
  });
}

test('a block that is not the one named, is too large, or does not execute is rejected', () => {
  const other = block({ timestamp_ms: BigInt(NOW_MS - 1) });
  const wrong = new Harness(replica!);
  wrong.take(message({ step: STEP_PREPARE, block: block().bytes, blockHash: other.hash }));
  assert.ok(wrong.reasons().includes('block_malformed'));
  const large = new Harness(replica!);
  const bytes = new Uint8Array(10_001);
  large.take(message({ step: STEP_PREPARE, block: bytes, blockHash: other.hash }));
  assert.ok(large.reasons().includes('block_too_large'));
  const invalid = new Harness(replica!);
  invalid.execute = () => 'BLOCK_INVALID';
  invalid.take(prepare(block()));
  assert.ok(invalid.reasons().includes('block_invalid'));
  assert.equal(invalid.state.view.round, 1);
});

test('certificates that are stale, of another block or step, too small or forged are refused', () => {
  const { hash } = block();
  const foreign = new Uint8Array(32).fill(9);
  const forged = decodeQc(certificate(STEP_PREPARE, hash));
  forged.signatures[0]!.signature = forged.signatures[1]!.signature;
  const bad: [string, Uint8Array][] = [
    ['another round', certificate(STEP_PREPARE, hash, 1)],
    ['another block', certificate(STEP_PREPARE, foreign)],
    ['another step', certificate(STEP_PRECOMMIT, hash)],
    ['another height', certificate(STEP_PREPARE, hash, 0, 3, 2n)],
    ['two signers', certificate(STEP_PREPARE, hash, 0, 2)],
    ['a false signature', encodeQc(forged)],
  ];
  for (const [what, justify] of bad) {
    const node = new Harness(replica!);
    node.take(prepare(block()), certified(STEP_PRECOMMIT, hash, justify));
    assert.ok(node.reasons().includes('qc_invalid'), what);
    assert.equal(node.votes(STEP_PRECOMMIT).length, 0, what);
    const decided = new Harness(replica!);
    decided.take(certified(STEP_DECIDE, hash, justify));
    assert.equal(decided.state.decided, null, what);
  }
});

test('who is not the leader cannot propose', () => {
  const node = new Harness(replica!);
  node.take(message({ from: next, step: STEP_PREPARE, block: block().bytes, blockHash: block().hash }));
  assert.ok(node.reasons().includes('not_leader'));
  assert.equal(node.state.view.round, 0);
});

/** A record of a validator that locked `hash` in round 0. */
function lockedOn(hash: Uint8Array) {
  const prepareQc = certificate(STEP_PREPARE, hash);
  return { height: 1n, round: 0, step: STEP_COMMIT, prepareQc, lockedQc: certificate(STEP_PRECOMMIT, hash) };
}

test('a lock is restored from the record, reported in NEWROUND, and keeps from voting for another block', () => {
  const mine = block();
  const node = new Harness(replica!, lockedOn(mine.hash));
  assert.equal(node.state.view.round, 1, 'the round of the record may not be contradicted');
  const announced = node.proposals(STEP_NEWROUND).at(-1)!;
  assert.deepEqual(announced.justify, certificate(STEP_PREPARE, mine.hash));
  node.take(prepare(block({ proposerAddress: next }), 1));
  assert.ok(node.reasons().includes('locked'));
  assert.equal(node.votes(STEP_PREPARE).length, 0);
});

test('a locked validator votes for its block again, and for another with a newer prepareQC for it', () => {
  const mine = block();
  const same = new Harness(replica!, lockedOn(mine.hash));
  same.take(prepare(mine, 1, certificate(STEP_PREPARE, mine.hash)));
  assert.equal(same.votes(STEP_PREPARE).length, 1);

  const newer = block({ proposerAddress: next });
  const at = (round: number, qc: Uint8Array) => {
    const node = new Harness(replica!, lockedOn(mine.hash));
    const from = (sender: Uint8Array) => message({ from: sender, step: STEP_NEWROUND, round });
    node.take(from(leader), from(next), from(other!));
    node.take(prepare(newer, round, qc));
    return node;
  };
  const round = [2, 3].find((one) => leaderOf(set, 1n, one).address !== replica)!;
  assert.equal(at(round, certificate(STEP_PREPARE, newer.hash, 1)).votes(STEP_PREPARE).length, 1);
  assert.ok(
    at(round, certificate(STEP_PREPARE, newer.hash, 0))
      .reasons()
      .includes('locked'),
    'no newer than the lock',
  );
  assert.ok(
    at(round, certificate(STEP_PREPARE, mine.hash, 1))
      .reasons()
      .includes('justify_foreign'),
  );
});

test('the leader waits for a quorum and the interval, counts each validator once, and proposes on', () => {
  const node = new Harness(leader);
  const entered = (from: Uint8Array) => message({ from, step: STEP_NEWROUND });
  node.take(entered(replica!), entered(replica!));
  assert.equal(node.asks.filter(({ kind }) => kind === 'propose').length, 0);
  node.take(entered(other!));
  const [proposal] = node.proposals(STEP_PREPARE);
  assert.ok(proposal?.blockHash);
  const hash = proposal.blockHash;
  node.take(vote(replica!, STEP_PREPARE, hash), vote(replica!, STEP_PREPARE, hash), vote(replica!, STEP_PREPARE, hash));
  assert.equal(node.proposals(STEP_PRECOMMIT).length, 0, 'its own vote and one more are no quorum');
  node.take(vote(other!, STEP_PREPARE, hash));
  assert.equal(node.proposals(STEP_PRECOMMIT).length, 1);
  for (const at of [STEP_PRECOMMIT, STEP_COMMIT]) node.take(vote(replica!, at, hash), vote(other!, at, hash));
  assert.equal(node.state.height, 2n);
  assert.equal(decodeQc(node.state.tip.commitQc!).signatures.length, 3);
});

test('a refusal of the signer is silence in that step and nothing more', () => {
  const node = new Harness(replica!);
  node.refuse = ({ type }) => (type === MESSAGE_VOTE ? 'SIGN_CONFLICT' : null);
  node.take(prepare(block()));
  for (let i = 0; i < 3; i++) node.input({ kind: 'timer', timer: 'tick', token: node.state.timers.get('tick')!.token });
  assert.equal(node.votes(STEP_PREPARE).length, 0);
  assert.equal(node.facts.filter(({ fact }) => fact === 'refused').length, 1);
});

test('a failure of another kind is tried again at the next tick', () => {
  const node = new Harness(replica!);
  let failures = 1;
  node.refuse = ({ type }) => (type === MESSAGE_VOTE && failures-- > 0 ? 'SIGNER_RECORD_IO' : null);
  node.take(prepare(block()));
  assert.equal(node.votes(STEP_PREPARE).length, 0);
  node.input({ kind: 'timer', timer: 'tick', token: node.state.timers.get('tick')!.token });
  assert.equal(node.votes(STEP_PREPARE).length, 1);
});

test('one validator ahead moves nobody, two do; a timeout needs a quorum in the view', () => {
  const node = new Harness(replica!);
  node.take(message({ from: next, step: STEP_NEWROUND, round: 5 }));
  assert.equal(node.state.view.round, 0);
  assert.equal(node.state.timers.has('view'), false, 'two of four have reached the view');
  node.take(message({ from: other!, step: STEP_NEWROUND, round: 3 }));
  assert.equal(node.state.view.round, 3);
  assert.ok(node.state.timers.has('view'));
});

test('a later height without proof is not followed; with proof, blocks are fetched from its sender', () => {
  const node = new Harness(replica!);
  node.take(message({ from: other!, step: STEP_NEWROUND, height: 9n }));
  assert.ok(!node.asks.some(({ kind }) => kind === 'fetchBlocks'));
  const justify = certificate(STEP_COMMIT, GENESIS, 0, 3, 8n);
  node.take(message({ from: other!, step: STEP_NEWROUND, height: 9n, justify }));
  assert.equal(node.state.catchup?.target, 8n);
  const fetch = node.asks.at(-1);
  assert.ok(fetch?.kind === 'fetchBlocks' && fetch.height === 1n && fetch.count === 8);
  assert.ok(equalBytes(fetch.from, other!));
});

test('answers to nobody change nothing', () => {
  const node = new Harness(replica!);
  const before = node.sent.length;
  node.input({ kind: 'signed', id: 9_999, signature: new Uint8Array(64) });
  node.input({ kind: 'committed', id: 9_999, validators: [] });
  node.input({ kind: 'timer', timer: 'view', token: 9_999 });
  assert.equal(node.sent.length, before);
  assert.ok(node.reasons().includes('late_answer'));
});
