import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromHex, toHex } from '../../actors/pocket/chain/hex.ts';
import { decodeTransaction, signedBytes, transactionHash } from '../../actors/pocket/chain/transaction.ts';
import { verify } from '../../wasm/ed25519.ts';
import { LoadDriver } from './driver.ts';
import { Ledger } from './ledger.ts';
import { TransactionSource } from './transactions.ts';

const SEED = new Uint8Array(32).fill(7);
const NETWORK = { seed: SEED, networkId: 'test', txWindowBlocks: 1_000 };

describe('the books of a load', () => {
  it('count a transaction once, from first sending to the receiver’s block', () => {
    const ledger = new Ledger({ remember: true });
    ledger.sending('a', 1_000);
    ledger.accepted('a', 1);
    ledger.accepted('a', 2);
    ledger.seen('a', 2, 1_200);
    assert.equal(ledger.figures().committed, 0);
    ledger.seen('a', 1, 1_500);
    ledger.seen('a', 1, 1_900);
    const { submitted, committed, unanswered, latency_ms } = ledger.figures();
    assert.deepEqual({ submitted, committed, unanswered }, { submitted: 1, committed: 1, unanswered: 0 });
    assert.ok(Math.abs(latency_ms.p50 - 500) < 2);
    assert.deepEqual(ledger.acceptedHashes(), ['a']);
    assert.equal(ledger.open, 0);
  });

  it('know a block that came before the answer', () => {
    const ledger = new Ledger({ remember: false });
    ledger.sending('a', 0);
    ledger.seen('a', 0, 400);
    ledger.accepted('a', 0);
    assert.equal(ledger.figures().committed, 1);
    assert.equal(ledger.figures().lastCommit_ms, 400);
    assert.deepEqual(ledger.acceptedHashes(), []);
  });

  it('do not count what was refused, and never forget what was accepted', () => {
    const ledger = new Ledger({ remember: true });
    ledger.sending('a', 0);
    ledger.sending('b', 0);
    ledger.refused('a', 'TX_EXPIRED');
    ledger.accepted('b', 0);
    ledger.refused('b', 'TX_EXPIRED');
    const { submitted, unanswered, refused } = ledger.figures();
    assert.deepEqual({ submitted, unanswered, refused }, { submitted: 1, unanswered: 0, refused: { TX_EXPIRED: 1 } });
  });
});

describe('the transactions of a load', () => {
  it('are valid, bound, and all different', () => {
    const source = new TransactionSource(NETWORK);
    const made = Array.from({ length: 50 }, () => source.next(10n));
    assert.equal(new Set(made.map(({ hash }) => hash)).size, 50);
    for (const { bytes, hash } of made) {
      const transaction = decodeTransaction(fromHex(bytes));
      assert.equal(transaction.networkId, 'test');
      assert.ok(transaction.validUntilHeight > 500n && transaction.validUntilHeight <= 1_010n);
      assert.ok(verify(transaction.publicKey, signedBytes(transaction), transaction.signature));
      assert.equal(toHex(transactionHash(fromHex(bytes))), hash);
    }
  });
});

/** Two "nodes" of one chain that misbehave as real ones may: no answer, no room, an answer that got lost. */
class StandInChain {
  readonly received = new Map<string, number>();
  readonly blocks: string[][] = [[]];
  readonly servers: Server[] = [];
  #pending: string[] = [];
  #requests = 0;
  #heights = 0;
  readonly #timer = setInterval(() => {
    this.blocks.push(this.#pending.splice(0));
  }, 50);

  async start(): Promise<string[]> {
    for (let count = 0; count < 2; count++) {
      const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const url = new URL(request.url ?? '/', 'http://x');
          const [status, body] = this.#answer(url, Buffer.concat(chunks).toString());
          if (status === 0) response.destroy();
          else response.writeHead(status).end(JSON.stringify(body));
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      this.servers.push(server);
    }
    return this.servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  #answer(url: URL, body: string): [number, unknown] {
    // A node that is killed as the load begins is away for a moment.
    if (url.pathname === '/v1/query/height' && this.#heights++ < 3) return [0, null];
    if (url.pathname === '/v1/query/height') return [200, { height: this.blocks.length - 1 }];
    if (url.pathname === '/v1/query/tx_hashes') {
      const from = Number(url.searchParams.get('from'));
      const rows = this.blocks.slice(from).map((hashes, index) => ({ height: from + index, hashes }));
      return [200, rows.map((row) => ({ ...row, block_hash: '', state_hash: '', timestamp_ms: 0 }))];
    }
    const { raw_hex_bytes } = JSON.parse(body) as { raw_hex_bytes: string[] };
    const request = this.#requests++;
    if (request % 5 === 1) return [503, { code: 'RPC_BUSY', message: 'busy' }];
    const results = raw_hex_bytes.map((bytes, index) => this.#admit(bytes, request % 5 === 3 && index === 0));
    // Admitted, but the answer never arrives.
    return request % 5 === 2 ? [0, null] : [200, { results }];
  }

  #admit(bytes: string, full: boolean) {
    const hash = toHex(transactionHash(fromHex(bytes)));
    if (full) return { code: 212, hash, message: 'MEMPOOL_FULL: later' };
    const before = this.received.get(hash) ?? 0;
    this.received.set(hash, before + 1);
    if (before === 0) this.#pending.push(hash);
    return { code: before === 0 ? 0 : 35, hash, message: '' };
  }
}

describe('a load driver', () => {
  let chain: StandInChain;
  let urls: string[];
  before(async () => {
    chain = new StandInChain();
    urls = await chain.start();
  });
  after(() => chain.close());

  for (const rate of [400, 'max'] as const) {
    it(`at ${rate} repeats what is unanswered, identical, until all is committed`, async () => {
      const driver = new LoadDriver({ ...NETWORK, urls, rate, remember: true });
      await driver.start();
      await sleep(1_000);
      driver.halt();
      for (let tries = 0; tries < 100; tries++) {
        const { submitted, committed, unanswered } = driver.figures();
        if (unanswered === 0 && submitted === committed) break;
        await sleep(50);
      }
      const { submitted, committed, unanswered, refused, latency_ms } = driver.figures();
      driver.close();
      assert.equal(unanswered, 0);
      assert.equal(committed, submitted);
      assert.ok(submitted > 50, `${submitted} submitted`);
      if (rate !== 'max') assert.ok(submitted <= 2 * rate, `${submitted} submitted`);
      assert.ok(latency_ms.p50 > 0);
      assert.deepEqual(
        Object.keys(refused).filter((reason) => reason !== 'MEMPOOL_FULL'),
        [],
      );
      const inBlocks = chain.blocks.flat();
      for (const hash of driver.acceptedHashes()) assert.equal(inBlocks.filter((one) => one === hash).length, 1);
    });
  }
});
