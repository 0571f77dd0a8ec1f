import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { parseAddress } from '../actors/pocket/chain/address.ts';
import { parseAmount } from '../actors/pocket/chain/amounts.ts';
import { toHex } from '../actors/pocket/chain/hex.ts';
import { signTransaction } from '../actors/pocket/chain/transaction.ts';
import { CodedError, hasCode } from '../runtime/errors.ts';
import { latestHeight } from './block-hashes.ts';
import { NodeClient } from './node-client.ts';
import { nodeUrl, openKey, type PlaceFlags, withKeys, withNode } from './places.ts';
import { print, printJson, usageError } from './terminal.ts';

/** A transaction is valid for so many blocks: a minute, within every sensible window. */
const VALID_BLOCKS = 100;
/** Without an answer the same bytes are sent again; the node recognises them. */
const SUBMIT_TRIES = 5;
const SUBMIT_PAUSE_ms = 500;
const WAIT_ms = 60_000;
const POLL_ms = 200;

interface SendFlags extends PlaceFlags {
  wait: boolean;
  validFor: string;
  networkId?: string;
  json: boolean;
}

export function accountCommand(): Command {
  return new Command('account')
    .description('Use accounts')
    .addHelpText('after', '\nExample:\n  $ potoroo account send alice 00c7… 1000 --wait\n')
    .addCommand(sendCommand());
}

function sendCommand(): Command {
  return withKeys(withNode(new Command('send')))
    .description('Send uPOKT from an account; says the hash once a node has accepted it durably')
    .argument('<from>', 'address or name of a key in the key directory, or path of a key file')
    .argument('<to>', 'address of the recipient, 40 hex digits')
    .argument('<amount>', 'uPOKT, a whole number')
    .option('--password-file <file>', 'file whose first line is the password of the key')
    .option('--wait', 'wait until it is in a block', false)
    .option('--valid-for <blocks>', 'blocks after which it can no longer be committed', String(VALID_BLOCKS))
    .option('--network-id <id>', 'network to sign for (default: what the node says)')
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo account send alice 5e9c4ab5ae2e2d4f3dbb0f1e0a83d0e4c1a3f7aa 1000 --wait
  $ potoroo account send 0554f492a74730076d738a63bf7a4a8e581dbc15 5e9c4ab5ae2e2d4f3dbb0f1e0a83d0e4c1a3f7aa 1 --dir ./localnet
`,
    )
    .action(send);
}

async function send(from: string, to: string, amount: string, flags: SendFlags): Promise<void> {
  const recipient = parseAddress(to);
  const uPOKT = parseAmount(amount);
  if (!/^[1-9]\d{0,5}$/.test(flags.validFor)) throw usageError('--valid-for must be a whole number of blocks');
  const client = new NodeClient(nodeUrl(flags));
  try {
    const key = await openKey(from, flags);
    const height = await latestHeight(client);
    const { bytes, hash } = signTransaction(
      {
        message: { type: 'utility.MessageSend', from: Buffer.from(key.address, 'hex'), to: recipient, amount: uPOKT },
        nonce: randomBytes(12).toString('hex'),
        networkId: flags.networkId ?? (await networkId(client)),
        validUntilHeight: BigInt(height) + BigInt(flags.validFor),
      },
      key.seed,
    );
    await submit(client, toHex(bytes));
    const committed = flags.wait ? await untilCommitted(client, toHex(hash)) : null;
    show({ hash: toHex(hash), from: key.address, to, amount: uPOKT, node: client.url }, committed, flags.json);
  } finally {
    client.close();
  }
}

const blockSchema = z.object({ block: z.object({ block_header: z.object({ network_id: z.string().min(1) }) }) });

/** A transaction is bound to its network: the node's latest block names it. */
async function networkId(client: NodeClient): Promise<string> {
  const answer = blockSchema.safeParse(
    await client.postJson('/v1/query/block', {}).catch((error: unknown) => {
      if (hasCode(error, 'BLOCK_NOT_FOUND')) return null;
      throw error;
    }),
  );
  if (answer.success) return answer.data.block.block_header.network_id;
  throw new CodedError('NETWORK_UNKNOWN', `${client.url} does not tell its network id yet: give --network-id`);
}

const submitSchema = z.object({ code: z.int(), message: z.string() });

/** @throws TX_REFUSED, NODE_TIMEOUT, NODE_UNREACHABLE */
async function submit(client: NodeClient, raw_hex_bytes: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const answer = submitSchema.parse(await client.postJson('/v1/client/broadcast_tx_sync', { raw_hex_bytes }));
      // 35 and 95: a former try got through, although its answer did not.
      if (answer.code === 0 || answer.code === 35 || answer.code === 95) return;
      throw new CodedError('TX_REFUSED', `code ${answer.code}, ${answer.message}`, answer);
    } catch (error) {
      if (!isRepeatable(error) || tries === SUBMIT_TRIES) throw error;
      await sleep(SUBMIT_PAUSE_ms);
    }
  }
}

function isRepeatable(error: unknown): boolean {
  const status = error instanceof CodedError ? ((error.data.status as number | undefined) ?? 0) : 0;
  return status >= 500 || hasCode(error, 'NODE_TIMEOUT');
}

const txSchema = z.object({ height: z.int(), result_code: z.int(), error: z.string().optional() });
type Committed = z.infer<typeof txSchema>;

async function untilCommitted(client: NodeClient, hash: string): Promise<Committed> {
  const until = performance.now() + WAIT_ms;
  while (performance.now() < until) {
    try {
      return txSchema.parse(await client.postJson('/v1/query/tx', { hash }));
    } catch (error) {
      if (!hasCode(error, 'TX_NOT_FOUND') && !isRepeatable(error)) throw error;
    }
    await sleep(POLL_ms);
  }
  throw new CodedError('TX_NOT_COMMITTED', `${hash} is accepted, and not committed after ${WAIT_ms / 1_000} s`, {
    hash,
  });
}

interface Sent {
  hash: string;
  from: string;
  to: string;
  amount: bigint;
  node: string;
}

function show(sent: Sent, committed: Committed | null, json: boolean): void {
  if (json) printJson({ ...sent, ...(committed ?? {}) });
  else {
    print(`hash    ${sent.hash}`);
    print(committed === null ? 'state   accepted' : `state   committed at height ${committed.height}`);
  }
  if (committed !== null && committed.result_code !== 0) {
    const why = `code ${committed.result_code}: ${committed.error ?? 'no reason given'}`;
    throw new CodedError('TX_REFUSED', `the payment failed in the block, its fee is paid (${why})`);
  }
}
