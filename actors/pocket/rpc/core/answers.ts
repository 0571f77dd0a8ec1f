import { z } from 'zod';

/** An integer of any size: bigint in the code, a JSON integer on the wire. */
const integer = (what: string) =>
  z
    .custom<bigint | number>((value) => typeof value === 'bigint' || Number.isInteger(value))
    .meta({ type: 'integer', format: 'int64', description: what });

const hex = (what: string) => z.string().describe(`${what} Hex.`);
const amount = z.string().describe('uPOKT, base 10.');
const paged = {
  page: z.int().describe('The page asked for.'),
  total_pages: z.int().describe('Number of pages.'),
};

export const errorAnswer = z
  .strictObject({
    code: z.string().describe('Stable code, see errors.md.'),
    message: z.string().describe('What is wrong and what to do.'),
  })
  .describe('Error.');

const syncState = z
  .enum(['unsynced', 'sync_mode', 'pacemaker', 'synced', 'unknown'])
  .describe(
    'unsynced: it is not known what the node lacks, or nobody gives it. sync_mode: it fetches what others have decided. Then pacemaker, of a validator that takes part, or synced, of any other node, which follows. unknown: consensus does not answer.',
  );

export const healthAnswer = z
  .strictObject({
    live: z.boolean().describe('Always true: the node answers.'),
    ready: z.boolean().describe('True if the node follows the chain and serves every route.'),
    degraded: z
      .boolean()
      .describe('True if a part of the node does not run or does not answer, or too few validators are connected.'),
    reasons: z
      .array(z.string())
      .describe('Why it is not ready or is degraded: `part: CODE`, or `actor: STATE CODE` with the code of its death.'),
    height: integer('Latest committed height; -1 while the database is away.'),
    peers: z.int().describe('Connected peers; -1 while the network is restarting.'),
    syncing: z.boolean().describe('True while missed blocks are being fetched.'),
    sync_state: syncState,
  })
  .describe('State of the node.');

export const consensusStateAnswer = z
  .strictObject({
    height: integer('Height being decided.'),
    round: z.int(),
    step: z.int().describe('1 NEWROUND, 2 PREPARE, 3 PRECOMMIT, 4 COMMIT, 5 DECIDE.'),
    sync: z
      .strictObject({
        state: syncState,
        target: integer('Highest height that is known to be decided.'),
        rate_blocks_per_s: z.number().describe('Blocks committed per second of late.'),
        eta_s: z.number().nullable().describe('Seconds until the target; 0: reached; null: nothing moves.'),
        peers: z.int().describe('Peers that blocks can be asked of.'),
        snapshot: integer('Height of the snapshot that is being taken.').nullable(),
      })
      .describe('How far the node is with what others have decided. Extension of V1.'),
  })
  .describe('Where consensus stands.');

const peer = z.strictObject({
  peer_id: z.string(),
  address: hex('Validator address proven by the peer, else empty.'),
  multiaddr: z.string(),
  connected: z.boolean(),
  direction: z.string(),
});
export const peersAnswer = z
  .strictObject({ self: peer, peers: z.array(peer) })
  .describe('This node and the peers it knows. Extension of V1.');

export const heightAnswer = z.strictObject({ height: integer('Latest committed height.') }).describe('Height.');

export const submitAnswer = z
  .strictObject({
    code: z.int().describe('0 accepted and durable, 35 already in the mempool, 95 already committed, else refused.'),
    hash: hex('SHA3-256 of the transaction.'),
    message: z.string().describe('Reason of a refusal; empty at 0.'),
  })
  .describe('What became of the transaction.');
export const submitBatchAnswer = z
  .strictObject({ results: z.array(submitAnswer).describe('In the order of the request.') })
  .describe('What became of each transaction. Extension of V1.');

const coin = z.strictObject({ amount, denom: z.literal('upokt') });
export const accountAnswer = z
  .strictObject({ address: hex('20 bytes.'), coins: z.array(coin) })
  .describe('The account; an address that never received anything has 0.');
export const balanceAnswer = z.strictObject({ balance: integer('uPOKT.') }).describe('Balance as an exact integer.');

const pool = z.strictObject({ address: hex('20 bytes.'), name: z.string(), amount, denom: z.literal('upokt') });
export const supplyAnswer = z
  .strictObject({
    pools: z.array(pool),
    total: coin.describe('Sum of the pools, as in V1.'),
    accounts: coin.describe('Sum of all accounts. Extension of V1.'),
  })
  .describe('Where the tokens are.');

export const paramsAnswer = z
  .array(z.strictObject({ parameter_name: z.string(), parameter_value: z.string() }))
  .describe('Every governance parameter, by name.');

const quorumCert = z.strictObject({
  height: integer('Height that it decided.'),
  round: z.int(),
  step: z.string(),
  block: hex('Hash of the block.'),
  threshold_sig: z.strictObject({
    signatures: z.array(z.strictObject({ signature: hex('64 bytes.'), address: hex('Signer.') })),
  }),
  transactions: z.array(z.string()).describe('Always empty: a certificate names the block by its hash.'),
});

export const blockAnswer = z
  .strictObject({
    block: z.strictObject({
      block_header: z.strictObject({
        height: integer('Height.'),
        network_id: z.string(),
        state_hash: hex('State after the block.'),
        prev_state_hash: hex('State before it.'),
        proposer_addr: hex('Proposer.'),
        quorum_cert: quorumCert.nullable().describe('What decided the parent; null at heights 0 and 1.'),
        timestamp: z.string().describe('RFC 3339, milliseconds.'),
        state_tree_hashes: z.record(z.string(), z.string()).describe('Root of each state tree, hex.'),
        val_set_hash: hex('Validators of this height.'),
        next_val_set_hash: hex('Validators of the next height.'),
        version: z.int().describe('Version of the block format. Extension of V1.'),
        parent_hash: hex('Hash of the parent. Extension of V1.'),
        body_root: hex('Merkle root of the transactions. Extension of V1.'),
        block_hash: hex('Hash of this header. Extension of V1.'),
      }),
      transactions: z.array(z.string()).describe('Canonical bytes of the transactions, hex.'),
    }),
    commit_cert: quorumCert.nullable().describe('What decided this block; null for genesis. Extension of V1.'),
  })
  .describe('A committed block.');

const actorType = z.string().describe('application, servicer, fisherman or validator.');
const chains = z.array(z.string()).describe('Ids of relay chains.');
const ofSend = z.strictObject({ from_addr: hex('Payer.'), to_addr: hex('Receiver.'), ...coin.shape });
const stakeFields = { actor_type: actorType, chains, service_url: z.string(), signer: hex('Payer.'), ...coin.shape };
const ofStake = z.strictObject({
  public_key: hex('Of the operator, 32 bytes.'),
  output_address: hex('Who gets the stake back.'),
  ...stakeFields,
});
const ofEditStake = z.strictObject({ address: hex('The actor.'), ...stakeFields });
const onActor = z.strictObject({ actor_type: actorType, address: hex('The actor.'), signer: hex('Payer.') });
const statement = z.strictObject({
  block: hex('Hash of the block.'),
  justify_hash: hex('SHA-256 of the certificate that a proposal carried, else empty.'),
  signature: hex('64 bytes.'),
});
const ofEvidence = z.strictObject({
  address: hex('The validator.'),
  type: z.string().describe('PROPOSE or VOTE.'),
  height: integer('Height of the offence.'),
  round: z.int(),
  step: z.string(),
  first: statement,
  second: statement,
});
const message = z
  .union([ofSend, ofStake, ofEditStake, onActor, ofEvidence])
  .describe(
    'By message_type: MessageSend; MessageStake; MessageEditStake; MessageUnstake, MessagePause, MessageUnpause; MessageDoubleSign.',
  );

const transaction = z.strictObject({
  hash: hex('SHA3-256 of the transaction.'),
  height: integer('Height, 0 while unconfirmed.'),
  index: z.int().describe('Place in the block.'),
  txMsg: z
    .strictObject({
      fee: coin,
      message,
      nonce: z.string(),
      signature: z.strictObject({ public_key: hex('32 bytes.'), signature: hex('64 bytes.') }),
      network_id: z.string().describe('Extension of V1.'),
      valid_until_height: integer('Last height that may hold it. Extension of V1.'),
    })
    .describe('The decoded transaction.'),
});
export const txAnswer = z
  .strictObject({
    height: integer('Height.'),
    index: z.int().describe('Place in the block.'),
    result_code: z.int().describe('0, or the code with which it failed (its fee was kept).'),
    signer_addr: hex('Signer.'),
    recipient_addr: hex('Receiver of a payment, offender of evidence, else empty.'),
    message_type: z.string().describe('Full protobuf name.'),
    error: z.string().describe('Reason of a failure, else empty. Extension of V1.'),
    tx: transaction,
  })
  .describe('A committed transaction.');
export const blockTxsAnswer = z
  .strictObject({ transactions: z.array(txAnswer), total_txs: z.int(), ...paged })
  .describe('Transactions of a block.');
export const unconfirmedTxsAnswer = z
  .strictObject({ transactions: z.array(transaction), total_txs: z.int(), ...paged })
  .describe('Transactions in the mempool.');

const actor = z.strictObject({
  address: hex('20 bytes.'),
  actor_type: actorType,
  public_key: hex('32 bytes.'),
  chains,
  service_url: z.string(),
  staked_amount: amount,
  paused_height: integer('Since when it is paused; -1: it is not.'),
  unstaking_height: integer('When its stake is paid out; -1: it is not leaving.'),
  output_addr: hex('Who gets the stake back.'),
  missed_blocks: integer('Blocks in a row that it did not sign. Extension of V1.'),
  punished_height: integer('Height of the last offence that it was punished for, else 0. Extension of V1.'),
});
export const validatorAnswer = actor.describe('A validator.');
export const validatorsAnswer = z
  .strictObject({ validators: z.array(actor), total_validators: z.int(), ...paged })
  .describe('Validators, whatever their status, by address.');

export const hashesAnswer = z
  .array(
    z.strictObject({
      height: integer('Height.'),
      block_hash: hex('Hash of the block.'),
      state_hash: hex('State after it.'),
      timestamp_ms: integer('Time of the block, ms since the epoch.'),
      hashes: z.array(z.string()).describe('Transactions in order, hex.'),
    }),
  )
  .describe('Committed heights of the range; it ends early where the answer would grow too large. Extension of V1.');

export type HealthAnswer = z.infer<typeof healthAnswer>;
export type BlockAnswer = z.infer<typeof blockAnswer>;
export type TxAnswer = z.infer<typeof txAnswer>;
export type MessageAnswer = z.infer<typeof message>;
export type ActorAnswer = z.infer<typeof actor>;
export type TransactionAnswer = z.infer<typeof transaction>;
export type QuorumCertAnswer = z.infer<typeof quorumCert>;
export type HashesAnswer = z.infer<typeof hashesAnswer>;
