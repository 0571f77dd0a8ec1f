import type { ConsensusMessage } from '../../chain/consensus.ts';
import { type Evidence, evidenceBetween, type Statement, statementOf } from '../../chain/evidence.ts';
import { toHex } from '../../chain/hex.ts';
import { emit, report, type State } from './state.ts';

/**
 * Watches what validators sign. Two statements of one key for one place of the protocol, for different blocks, are evidence: it
 * goes to the ledger as a transaction. Who hears only one of the two has nothing to show; nor did the two do any harm
 * there.
 */

/** Statements remembered of each validator: a view has at most four, so these are of eight rounds. */
const MAX_STATEMENTS = 32;

/** Remembers what a validator has signed at the last two heights, and accuses it if it contradicts itself. */
export function watch(s: State, message: ConsensusMessage) {
  const statement = statementOf(message);
  if (!statement || statement.height < s.tip.height || statement.height > s.height) return;
  const sender = toHex(message.address);
  const said = s.statements.get(sender) ?? [];
  s.statements.set(sender, said);
  const earlier = said.filter((one) => isSamePlace(one, statement));
  const evidence = earlier
    .map((one) => evidenceBetween(message.address, one, statement))
    .find((one): one is Evidence => one !== null);
  if (evidence) return accuse(s, evidence);
  if (earlier.length > 0) return;
  said.push(statement);
  if (said.length > MAX_STATEMENTS) said.shift();
}

/** Forgets heights that nobody speaks of any more. */
export function forgetStatements(s: State) {
  for (const [sender, said] of s.statements) {
    const recent = said.filter(({ height }) => height >= s.tip.height);
    if (recent.length > 0) s.statements.set(sender, recent);
    else s.statements.delete(sender);
  }
  for (const [sender, height] of s.accused) if (height < s.tip.height) s.accused.delete(sender);
}

/** Once for a height: the ledger punishes all offences of a height together. */
function accuse(s: State, evidence: Evidence) {
  const address = toHex(evidence.address);
  const { height, round, step } = evidence.first;
  if (s.accused.get(address) === height) return;
  s.accused.set(address, height);
  report(s, { fact: 'equivocation', address, height, round, step });
  emit(s, { kind: 'evidence', evidence });
}

function isSamePlace(a: Statement, b: Statement): boolean {
  return a.type === b.type && a.height === b.height && a.round === b.round && a.step === b.step;
}
