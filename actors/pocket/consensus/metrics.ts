import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Blocks take from milliseconds to the longest timeout. */
const PHASE_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60];

/** What the operator sees of consensus. */
export interface ConsensusMetrics {
  readonly height: Gauge;
  readonly round: Gauge;
  readonly step: Gauge;
  readonly syncing: Gauge;
  readonly syncPhase: Gauge<'state'>;
  readonly syncTarget: Gauge;
  readonly syncRate: Gauge;
  readonly syncBlocks: Counter<'peer'>;
  readonly syncRequests: Counter<'peer' | 'outcome'>;
  readonly snapshots: Counter<'stage'>;
  readonly validators: Gauge;
  readonly views: Counter<'cause'>;
  readonly timeouts: Counter;
  readonly phase_seconds: Histogram<'phase'>;
  readonly blocks: Counter<'how'>;
  readonly received: Counter;
  readonly sent: Counter<'how'>;
  readonly dropped: Counter<'reason'>;
  readonly unsent: Counter;
  readonly rejected: Counter<'reason'>;
  readonly equivocations: Counter;
  readonly ownKey: Counter;
  readonly refusals: Counter<'code'>;
  readonly failures: Counter<'ask' | 'code'>;
  readonly badPeers: Counter<'reason'>;
  readonly staleRecords: Counter;
  readonly journal: JournalMetrics;
}

interface JournalMetrics {
  readonly active: Gauge;
  readonly bytes: Gauge;
  readonly records: Counter;
  readonly replayed: Counter;
  readonly torn_bytes: Counter;
  readonly discarded: Counter<'reason'>;
  readonly failures: Counter;
}

export function consensusMetrics(registry: Registry): ConsensusMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name: `potoroo_consensus_${name}`, help, registers });
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name: `potoroo_consensus_${name}_total`, help, labelNames, registers });
  return {
    height: gauge('height', 'Height being decided: last committed + 1; it must grow'),
    round: gauge('round', 'Round of the height; above 0 means that a leader failed or messages were late'),
    step: gauge('step', 'Step of the round: 1 NEWROUND, 2 PREPARE, 3 PRECOMMIT, 4 COMMIT, 5 DECIDE'),
    syncing: gauge('syncing', '1 while blocks that others have decided are being fetched'),
    syncPhase: new Gauge({
      name: 'potoroo_consensus_sync_state',
      help: '1 at the state of the node: unsynced, sync_mode, then pacemaker (a validator) or synced (any other node)',
      labelNames: ['state'],
      registers,
    }),
    syncTarget: gauge('sync_target_height', 'Highest height that is known to be decided, as last told'),
    syncRate: gauge('sync_blocks_per_second', 'Blocks committed per second while catching up, as last told'),
    syncBlocks: counter('sync_blocks_fetched', 'Blocks fetched for catching up, by the address of the peer', 'peer'),
    syncRequests: counter(
      'sync_requests',
      'Requests for ranges of blocks, by the address of the peer and by outcome: ok, empty, unreachable, stalled, lie',
      'peer',
      'outcome',
    ),
    snapshots: counter('snapshot_stages', 'Snapshots taken, by the stage that they entered', 'stage'),
    validators: gauge('connected_validators', 'Validators with a proven consensus stream to this one'),
    views: counter(
      'views',
      'Views entered, by cause: height, timeout, invalid proposal, jump after others, trigger, recovery of a restarted actor',
      'cause',
    ),
    timeouts: counter('timeouts', 'Views that ended by timeout: the leader was silent, slow or unreachable'),
    phase_seconds: new Histogram({
      name: 'potoroo_consensus_phase_seconds',
      help: 'Duration of the phases of a block (newround includes the wait for the block interval), and of sign, propose, execute and commit_db inside them',
      labelNames: ['phase'],
      buckets: PHASE_SECONDS,
      registers,
    }),
    blocks: counter('blocks', 'Blocks committed, by how they came: vote or sync', 'how'),
    received: counter('messages_received', 'Consensus messages from other validators'),
    sent: counter('messages_sent', 'Consensus messages handed to the network, by how: send or broadcast', 'how'),
    dropped: counter(
      'messages_dropped',
      'Messages and late answers without effect, by reason; repeats are normal',
      'reason',
    ),
    unsent: counter('messages_unsent', 'Messages that the network actor had no room for; they are repeated'),
    rejected: counter(
      'proposals_rejected',
      'Proposals that broke a rule, by reason; time_ahead means that a clock is wrong',
      'reason',
    ),
    equivocations: counter(
      'equivocations',
      'Validators that signed two blocks in one place, once for each height: each is faulty or runs twice',
    ),
    ownKey: counter(
      'own_key_abuses',
      'Messages with the key of this validator that it did not sign: another process has the key',
    ),
    refusals: counter('sign_refusals', 'Messages that the signer refused to sign, by code', 'code'),
    failures: counter('failures', 'Requests to other actors that failed for good, by request and code', 'ask', 'code'),
    badPeers: counter(
      'bad_peers',
      'Peers that served false blocks, headers or snapshots, or stalled, by reason; all but stalled are provable lies',
      'reason',
    ),
    staleRecords: counter(
      'stale_records',
      "Starts at which the signer's record held less than this validator had said: it is an old copy",
    ),
    journal: {
      active: gauge('journal_active', '1 while inputs are journaled; 0 while blocks are fetched or the journal fails'),
      bytes: gauge('journal_bytes', 'Size of the journal of the present height'),
      records: counter('journal_records', 'Records written to the journal'),
      replayed: counter('journal_replayed', 'Inputs replayed when this actor started; 0 means that it began anew'),
      torn_bytes: counter('journal_torn_bytes', 'Bytes cut off the end of the journal because they were torn'),
      discarded: counter(
        'journal_discarded',
        'Journals of no use, by reason; other_tip is normal, any other costs a restart the round',
        'reason',
      ),
      failures: counter('journal_failures', 'Reads and writes of the journal that failed: look at the disk'),
    },
  };
}
