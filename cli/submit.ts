import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { toHex } from '../actors/pocket/chain/hex.ts';
import type { Message } from '../actors/pocket/chain/messages.ts';
import { signTransaction } from '../actors/pocket/chain/transaction.ts';
import type { LoadedKey } from '../config/keystore.ts';
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

export interface SubmitFlags extends PlaceFlags {
  wait: boolean;
  validFor: string;
  networkId?: string;
  json: boolean;
}

/** Adds the options of a command that submits a transaction. */
export function withSubmit(command: Command): Command {
  return withKeys(withNode(command))
    .option('--password-file <file>', 'file whose first line is the password of the key')
    .option('--wait', 'wait until it is in a block', false)
    .option('--valid-for <blocks>', 'blocks after which it can no longer be committed', String(VALID_BLOCKS))
    .option('--network-id <id>', 'network to sign for (default: what the node says)')
    .option('--json', 'answer in JSON', false);
}

/**
 * Signs a message with a key, submits it, and says what became of it.
 * @param wanted the key, as for openKey
 * @param make the message and what is shown of it, from the key
 * @throws TX_REFUSED, TX_NOT_COMMITTED, and those of keys and nodes
 */
export async function submitMessage(
  wanted: string,
  flags: SubmitFlags,
  make: (key: LoadedKey) => { message: Message; shown: object },
): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(flags.validFor)) throw usageError('--valid-for must be a whole number of blocks');
  const client = new NodeClient(nodeUrl(flags));
  try {
    const key = await openKey(wanted, flags);
    const { message, shown } = make(key);
    const height = await latestHeight(client);
    const { bytes, hash } = signTransaction(
      {
        message,
        nonce: randomBytes(12).toString('hex'),
        networkId: flags.networkId ?? (await networkId(client)),
        validUntilHeight: BigInt(height) + BigInt(flags.validFor),
      },
      key.seed,
    );
    await submit(client, toHex(bytes));
    const committed = flags.wait ? await untilCommitted(client, toHex(hash)) : null;
    show({ hash: toHex(hash), ...shown, node: client.url }, committed, flags.json);
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

function show(sent: { hash: string; node: string }, committed: Committed | null, json: boolean): void {
  if (json) printJson({ ...sent, ...(committed ?? {}) });
  else {
    print(`hash    ${sent.hash}`);
    print(committed === null ? 'state   accepted' : `state   committed at height ${committed.height}`);
  }
  if (committed !== null && committed.result_code !== 0) {
    const why = `code ${committed.result_code}: ${committed.error ?? 'no reason given'}`;
    throw new CodedError('TX_REFUSED', `the transaction failed in the block, its fee is paid (${why})`);
  }
}
