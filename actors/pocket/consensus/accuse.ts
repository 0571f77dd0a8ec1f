import type { Logger } from 'pino';
import type { Peer } from '../../../runtime/actor.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { toErrorRecord } from '../../../runtime/errors.ts';
import type { Evidence } from '../chain/evidence.ts';
import type { Genesis } from '../chain/genesis.ts';
import { toHex } from '../chain/hex.ts';
import { evidenceTransaction } from '../chain/transaction.ts';
import type { UtilityProtocol } from '../utility/protocol.ts';
import { persist } from './asking.ts';

export interface Court {
  readonly genesis: Genesis;
  readonly utility: Peer<UtilityProtocol>;
  readonly clock: Clock;
  readonly log: Logger;
  /** @param until last height at which the evidence may be committed */
  isWanted(until: bigint): boolean;
}

/** Hands evidence to the ledger, which gossips and pools it; repeated while the ledger is away and the evidence is fresh. */
export async function accuse(evidence: Evidence, court: Court): Promise<void> {
  const { genesis, utility, clock, log } = court;
  const maxAge_blocks = BigInt(genesis.params.get('validator_max_evidence_age_in_blocks') ?? 0);
  const { height, round, step } = evidence.first;
  const facts = { validator: toHex(evidence.address), height, round, step };
  const transaction = evidenceTransaction(evidence, genesis.networkId, maxAge_blocks);
  try {
    const isWanted = () => court.isWanted(height + maxAge_blocks);
    const answer = await persist(clock, isWanted, () => utility.ask('submit', { transactions: [transaction] }));
    const result = answer?.results[0];
    if (result) log.info({ ...facts, code: result.code, answer: result.message }, 'evidence handed to the ledger');
  } catch (error) {
    log.error({ ...facts, error: toErrorRecord(error) }, 'evidence could not be handed to the ledger');
  }
}
