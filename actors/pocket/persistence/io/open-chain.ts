import type { Logger } from 'pino';
import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { decodeBlock } from '../../chain/block.ts';
import type { Genesis } from '../../chain/genesis.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { ChainState } from '../core/chain-state.ts';
import { genesisActors, genesisBlock } from '../core/genesis.ts';
import type { ProofLimits } from '../core/recent-states.ts';
import { validatorRules } from '../core/validators.ts';
import { type Database, LONG_ATTEMPT_MS, type Transaction } from './database.ts';
import { loadState, readGenesisHash } from './load-state.ts';
import { decodeOutcome, deleteProposals, type ProposalRow, readProposals } from './proposals.ts';
import { writeGenesis } from './write-block.ts';

/**
 * Brings the chain in the database into memory: writes the genesis into an empty one, rebuilds the state and
 * checks it, and takes up what was staged.
 * @throws GENESIS_MISMATCH, STATE_CORRUPT
 */
export async function openChain(
  database: Database,
  options: { genesis: Genesis; proofs: ProofLimits; deadline_ms: number; log: Logger },
): Promise<ChainState> {
  const { genesis, deadline_ms, log } = options;
  const { tip, window } = await database.transaction(
    deadline_ms,
    async (tx) => {
      // One moment of the database for all reads: a commit of our former life may still be on its way.
      await tx()`set transaction isolation level repeatable read`;
      await tx()`set local statement_timeout = 0`;
      await requireGenesis(tx, genesis, log);
      return loadState(tx, genesis.txWindowBlocks, validatorRules(genesis));
    },
    LONG_ATTEMPT_MS,
  );
  const chain = new ChainState(tip, window, options.proofs);
  const proposals = await database.run(deadline_ms, readProposals);
  const lost = proposals.filter((row) => !takeUp(chain, row, log));
  await database.run(deadline_ms, (sql) =>
    deleteProposals(
      sql,
      lost.map(({ hash }) => hash),
    ),
  );
  return chain;
}

async function requireGenesis(tx: Transaction, genesis: Genesis, log: Logger): Promise<void> {
  const block = genesisBlock(genesis);
  const ours = block.header.parentHash;
  const stored = await readGenesisHash(tx);
  if (stored === null) {
    log.info({ network: genesis.networkId, accounts: genesis.accounts.length }, 'writing the genesis state');
    await writeGenesis(tx, block, { ...genesis, actors: genesisActors(genesis) });
  } else if (!equalBytes(stored, ours)) {
    throw new CodedError(
      'GENESIS_MISMATCH',
      'the database was made from another genesis file. Use that file, or give this chain its own home or schema.',
      { database: toHex(stored), file: toHex(ours) },
    );
  }
  // What is kept for proofs is bounded by what others than the tip take: this must not count.
  block.tries.release();
}

/** False for a proposal that nothing can come of: settled, without its parent, or of another format. */
function takeUp(chain: ChainState, row: ProposalRow, log: Logger): boolean {
  const outcome = decodeOutcome(row.outcome);
  if (outcome === null) return false;
  try {
    const { header, transactions } = decodeBlock(row.block);
    if (header.height <= chain.tip.header.height) return false;
    chain.stage(chain.execute({ header, transactions, ...outcome }));
    return true;
  } catch (error) {
    if (!hasCode(error, 'PARENT_UNKNOWN')) {
      log.warn({ err: error, block: toHex(row.hash) }, 'a staged block cannot be taken up: it will be executed again');
    }
    return false;
  }
}
