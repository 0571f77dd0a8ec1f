import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { latestHeight } from '../../cli/block-hashes.ts';
import { LoadDriver } from '../../cli/load/driver.ts';
import type { LocalnetLayout } from '../../cli/localnet/files.ts';
import { verifyChain } from '../../cli/localnet/verify.ts';
import type { NodeClient } from '../../cli/node-client.ts';
import { homeLayout } from '../../config/home.ts';
import { until } from './command.ts';

/** Sends transactions to nodes of a local network and keeps the books in this process. */
export function loadOn(layout: LocalnetLayout, urls: readonly string[], rate: number): LoadDriver {
  const genesis = parseGenesis(readFileSync(homeLayout(layout.home(1)).genesis, 'utf8'));
  return new LoadDriver({
    urls,
    rate,
    seed: Buffer.from(readFileSync(layout.loadSeed, 'utf8').trim(), 'hex'),
    networkId: genesis.networkId,
    txWindowBlocks: genesis.txWindowBlocks,
    remember: true,
  });
}

/** Ends the load; whatever was accepted must be committed once on every node, and the chains must be equal. */
export async function assertNothingLost(driver: LoadDriver, clients: readonly NodeClient[]): Promise<void> {
  driver.halt();
  await until('all is committed', () => {
    const { submitted, committed, unanswered } = driver.figures();
    return unanswered === 0 && submitted === committed ? true : undefined;
  });
  const heights = await Promise.all(clients.map(latestHeight));
  const to = Math.max(...heights);
  await until(`height ${to}`, async () =>
    Math.min(...(await Promise.all(clients.map(latestHeight)))) >= to ? true : undefined,
  );
  const accepted = driver.acceptedHashes();
  await assertOneChain(clients, to, accepted);
  assert.ok(accepted.length > 0, 'there was a load');
}

/** These transactions are in one and the same chain on all nodes, once. @param to the last height, which all have */
export async function assertOneChain(
  clients: readonly NodeClient[],
  to: number,
  accepted: readonly string[],
): Promise<void> {
  const verdict = await verifyChain(clients, { from: 1, to }, accepted);
  assert.equal(verdict.difference, '');
  assert.equal(verdict.committed, accepted.length);
  assert.equal(verdict.repeated, 0);
}
