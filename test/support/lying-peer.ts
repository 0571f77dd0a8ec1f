import { generateKeyPair } from '@libp2p/crypto/keys';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { decodeQc, encodeQc } from '../../actors/pocket/chain/consensus.ts';
import type { Genesis } from '../../actors/pocket/chain/genesis.ts';
import { decodeSyncResponse, encodeSyncRequest, type SyncRequest } from '../../actors/pocket/chain/sync.ts';
import { p2pConfigSchema } from '../../actors/pocket/p2p/config.ts';
import { Network } from '../../actors/pocket/p2p/io/network.ts';
import { testSigner, testTip } from '../../actors/pocket/p2p/io/testing.ts';
import type { PersistenceProtocol, StoredBlock } from '../../actors/pocket/persistence/protocol.ts';
import type { Peer } from '../../runtime/actor.ts';
import { systemClock } from '../../runtime/clock.ts';
import { CodedError } from '../../runtime/errors.ts';
import { systemRandom } from '../../runtime/random.ts';

const TIMEOUT_ms = 5_000;
/** What it claims to have beyond what there is: so it is asked in any case. */
const CLAIMED_BLOCKS = 100n;

export interface LyingPeerOptions {
  readonly genesis: Genesis;
  /** Of a validator of that genesis. */
  readonly seed: Uint8Array;
  /** Multiaddrs. */
  readonly listen: string;
  readonly peers: readonly string[];
  /** Address of an honest validator, whose blocks it falsifies. */
  readonly source: Uint8Array;
}

/**
 * A real libp2p peer with a real validator's certificate that claims more than there is and serves lies to whoever catches up:
 * every other time blocks with certificates that nobody signed, else those of other heights.
 */
export class LyingPeer {
  /** How often it has lied. */
  lies = 0;
  readonly #network: Network;
  readonly #source: Uint8Array;

  private constructor(network: Network, source: Uint8Array) {
    this.#network = network;
    this.#source = source;
  }

  static async start({ genesis, seed, listen, peers, source }: LyingPeerOptions): Promise<LyingPeer> {
    const asks = (type: string, body: Record<string, unknown>) => liar.#answer(genesis, type, body);
    const network = await Network.listen(
      {
        config: p2pConfigSchema.parse({ listen: [listen], peers, key_file: 'unused' }),
        genesis,
        key: await generateKeyPair('Ed25519'),
        signer: testSigner(seed, genesis.networkId),
        persistence: { ready: true, tell: () => true, ask: asks } as unknown as Peer<PersistenceProtocol>,
        clock: systemClock,
        random: systemRandom,
        log: pino({ level: 'silent' }),
        metrics: new Registry(),
      },
      {
        consensusMessage: () => undefined,
        transactions: () => undefined,
        transactionsWanted: () => true,
        connected: () => undefined,
      },
    );
    const liar = new LyingPeer(network, source);
    network.start();
    return liar;
  }

  /** Validators that it is connected with. */
  get connections(): number {
    return this.#network.provenValidators;
  }

  stop(): Promise<void> {
    return this.#network.stop();
  }

  async #answer(genesis: Genesis, type: string, body: Record<string, unknown>): Promise<object> {
    if (type === 'snapshots') return { heights: [], earliest: 1n };
    if (type === 'tip') {
      const answer = await this.#ask({ kind: 'metadata' }).catch(() => null);
      const height = answer?.kind === 'metadata' ? answer.metadata.maxHeight : 0n;
      return testTip(genesis, height + CLAIMED_BLOCKS);
    }
    if (type !== 'blocks') throw new CodedError('PEER_UNREACHABLE', 'this peer has blocks only');
    const { from, count } = body as { from: bigint; count: number };
    const isShifted = this.lies++ % 2 === 1;
    const real = await this.#blocks(isShifted ? from + 1n : from, count);
    // Where there are no blocks, those from the first on have to do.
    const blocks = real.length > 0 ? real : await this.#blocks(1n, count);
    return { blocks: isShifted ? blocks : blocks.map(unsigned) };
  }

  async #blocks(from: bigint, count: number): Promise<StoredBlock[]> {
    const answer = await this.#ask({ kind: 'blocks', from, count });
    return answer.kind === 'blocks' ? answer.blocks : [];
  }

  async #ask(request: SyncRequest) {
    return decodeSyncResponse(await this.#network.request(this.#source, encodeSyncRequest(request), TIMEOUT_ms));
  }
}

function unsigned({ block, commitQc }: StoredBlock): StoredBlock {
  const qc = decodeQc(commitQc);
  for (const partial of qc.signatures) partial.signature = new Uint8Array(64);
  return { block, commitQc: encodeQc(qc) };
}
