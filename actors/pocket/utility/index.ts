import { defineActor, listen } from '../../../runtime/actor.ts';
import { CodedError } from '../../../runtime/errors.ts';
import { parseGenesis } from '../chain/genesis.ts';
import { p2pProtocol } from '../p2p/protocol.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import { Blocks } from './blocks.ts';
import type { UtilityStart } from './config.ts';
import { ledgerRules } from './core/rules.ts';
import { Intake } from './intake.ts';
import { MempoolKeeper } from './keeper.ts';
import { utilityMetrics } from './metrics.ts';
import { type PendingTransaction, utilityProtocol } from './protocol.ts';
import { Regossip } from './regossip.ts';
import { Verifier } from './verifier.ts';

/** Questions of the bulk lane in hand at once: submissions of many clients share a batch. */
const PARALLEL_BULK = 64;
/** Transactions on a page of the mempool. */
const MAX_PER_PAGE = 1_000;

export default defineActor<typeof utilityProtocol, UtilityStart>({
  protocol: utilityProtocol,
  uses: [persistenceProtocol, p2pProtocol],
  listens: [persistenceProtocol, p2pProtocol],
  start(context) {
    const rules = ledgerRules(parseGenesis(context.config.genesis));
    const metrics = utilityMetrics(context.metrics);
    const verifier = new Verifier(context.clock, metrics, context.config.utility.verify_threads);
    const keeper = new MempoolKeeper(context, rules, metrics);
    const intake = new Intake(context, rules, keeper, verifier, metrics);
    const blocks = new Blocks(context, rules, keeper, verifier, metrics);
    const regossip = new Regossip(context.clock, keeper.mempool, intake);
    return {
      tell: {},
      ask: {
        submit: async ({ transactions }) => ({ results: await intake.submit(transactions) }),
        propose: (terms, { trace }) => blocks.propose(terms, trace),
        execute: ({ block }, { trace }) => blocks.execute(block, trace),
        pending: ({ page, perPage }) => {
          const { mempool } = keeper;
          if (!isPage(page, perPage)) {
            throw new CodedError('PAGE_INVALID', `Pages count from 1 and hold 1 to ${MAX_PER_PAGE} transactions.`);
          }
          const transactions = mempool
            .page((page - 1) * perPage, perPage)
            .map(({ hashHex, bytes }): PendingTransaction => ({ hash: hashHex, bytes }));
          return { transactions, total: mempool.size };
        },
      },
      on: {
        ...listen(persistenceProtocol, {
          committed: (event) => {
            if (keeper.committed(event)) intake.reconcile();
          },
        }),
        ...listen(p2pProtocol, {
          transactions: ({ transactions }) => intake.gossip(transactions),
          connected: ({ validators }) => regossip.connected(validators),
        }),
      },
      parallel: { bulk: PARALLEL_BULK },
      ready: () => {
        // Consensus may still count what our former life held.
        if (context.incarnation > 1) keeper.announce(true);
        intake.reconcile();
      },
      rebound: (peer) => {
        if (peer === 'consensus') keeper.announce(true);
        if (peer === persistenceProtocol.name) intake.reconcile();
      },
      stop: async () => {
        intake.stop();
        regossip.stop();
        await verifier.stop();
      },
    };
  },
});

function isPage(page: number, perPage: number): boolean {
  const whole = Number.isSafeInteger(page) && Number.isInteger(perPage);
  return whole && page >= 1 && perPage >= 1 && perPage <= MAX_PER_PAGE;
}
