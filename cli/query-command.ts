import { Command } from 'commander';
import { z } from 'zod';
import { parseAddress } from '../actors/pocket/chain/address.ts';
import { CodedError } from '../runtime/errors.ts';
import { NodeClient } from './node-client.ts';
import { nodeUrl, type PlaceFlags, withNode } from './places.ts';
import { print, usageError } from './terminal.ts';

interface Flags extends PlaceFlags {
  height?: string;
  json: boolean;
}

/** One question to a node: where it is asked, and how the answer is shown to people. */
interface Query {
  readonly name: string;
  readonly description: string;
  readonly argument?: { name: string; description: string; optional?: boolean; check(text: string): void };
  readonly atHeight?: boolean;
  readonly example: string;
  /** Body of the POST; a GET where absent. */
  readonly body?: (argument: string, height: number) => object;
  readonly path: string;
  /** With `--json` the route of this name is asked instead. */
  readonly jsonPath?: string;
  show(answer: unknown): [string, string][];
}

const address = {
  name: 'address',
  description: '40 hex digits',
  check(text: string): void {
    parseAddress(text);
  },
};
const account = z.object({ address: z.string(), coins: z.array(z.object({ amount: z.string(), denom: z.string() })) });

const QUERIES: readonly Query[] = [
  {
    name: 'height',
    description: 'Latest committed height',
    example: 'height',
    path: '/v1/query/height',
    show: (answer) => [['height', String(z.object({ height: z.int() }).parse(answer).height)]],
  },
  {
    name: 'block',
    description: 'A block, the latest by default',
    argument: {
      name: 'height',
      description: 'height of the block',
      optional: true,
      check: (text) => void heightOf(text),
    },
    example: 'block 12',
    path: '/v1/query/block',
    body: (argument) => ({ height: heightOf(argument || '0') }),
    show: showBlock,
  },
  {
    name: 'tx',
    description: 'A committed transaction',
    argument: { name: 'hash', description: '64 hex digits', check: checkHash },
    example: 'tx 6f1d0c8a5a8f4c6f0d5e8f0b7d1c2a3948576a6b5c4d3e2f10a9b8c7d6e5f401',
    path: '/v1/query/tx',
    body: (hash) => ({ hash }),
    show: showTransaction,
  },
  {
    name: 'account',
    description: 'An account and what it holds',
    argument: address,
    atHeight: true,
    example: 'account 0554f492a74730076d738a63bf7a4a8e581dbc15 --height 12',
    path: '/v1/query/account',
    body: (text, height) => ({ address: text, height }),
    show: (answer) => {
      const { address: own, coins } = account.parse(answer);
      return [['address', own], ...coins.map(({ amount, denom }): [string, string] => [denom, amount])];
    },
  },
  {
    name: 'balance',
    description: 'Balance of an account, in uPOKT',
    argument: address,
    atHeight: true,
    example: 'balance 0554f492a74730076d738a63bf7a4a8e581dbc15',
    // Balances exceed what a JSON parser keeps exactly: for people the account's text is read.
    path: '/v1/query/account',
    jsonPath: '/v1/query/balance',
    body: (text, height) => ({ address: text, height }),
    show: (answer) => [['balance', account.parse(answer).coins[0]?.amount ?? '0']],
  },
  {
    name: 'supply',
    description: 'Pools, and the sum of all accounts',
    atHeight: true,
    example: 'supply',
    path: '/v1/query/supply',
    body: (_argument, height) => ({ height }),
    show: showSupply,
  },
];

export function queryCommand(): Command {
  const command = new Command('query')
    .description('Ask a node about the chain')
    .addHelpText('after', '\nExample:\n  $ potoroo query height --node http://127.0.0.1:50832\n');
  for (const query of QUERIES) command.addCommand(commandOf(query));
  return command;
}

function commandOf(query: Query): Command {
  const command = withNode(new Command(query.name)).description(query.description);
  const { argument } = query;
  if (argument) command.argument(argument.optional ? `[${argument.name}]` : `<${argument.name}>`, argument.description);
  if (query.atHeight) command.option('--height <height>', 'state after this block (default: the latest)');
  return command
    .option('--json', "print the node's answer, one line of JSON", false)
    .addHelpText('after', `\nExample:\n  $ potoroo query ${query.example}\n`)
    .action(async (...given: unknown[]) => {
      const flags = given.at(-2) as Flags;
      const text = argument ? ((given[0] as string | undefined) ?? '') : '';
      if (text !== '') argument?.check(text);
      await run(query, text, flags);
    });
}

async function run(query: Query, argument: string, flags: Flags): Promise<void> {
  const body = query.body?.(argument, heightOf(flags.height ?? '0'));
  const path = flags.json ? (query.jsonPath ?? query.path) : query.path;
  const client = new NodeClient(nodeUrl(flags));
  try {
    const text = body === undefined ? await client.get(path) : await client.post(path, body);
    // The node's own text: parsed and written again it would lose digits of large numbers.
    if (flags.json) print(text.trim());
    else for (const [name, value] of shown(query, text, client.url)) print(`${name.padEnd(14)}  ${value}`);
  } finally {
    client.close();
  }
}

function shown(query: Query, text: string, url: string): [string, string][] {
  try {
    return query.show(JSON.parse(text));
  } catch (cause) {
    throw new CodedError('NODE_ANSWER', `${url} answered in another shape`, {}, { cause });
  }
}

function heightOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw usageError('a height is a whole number; 0 is the latest');
  return Number(text);
}

function checkHash(text: string): void {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw usageError('the hash of a transaction is 64 hex digits');
}

function showBlock(answer: unknown): [string, string][] {
  const { block } = z
    .object({ block: z.object({ block_header: z.record(z.string(), z.unknown()), transactions: z.array(z.string()) }) })
    .parse(answer);
  const header = block.block_header;
  const names = ['height', 'network_id', 'timestamp', 'block_hash', 'state_hash', 'parent_hash', 'proposer_addr'];
  return [
    ...names.map((name): [string, string] => [name, String(header[name] ?? '')]),
    ['transactions', String(block.transactions.length)],
  ];
}

function showTransaction(answer: unknown): [string, string][] {
  const tx = z
    .object({
      height: z.int(),
      index: z.int(),
      result_code: z.int(),
      signer_addr: z.string(),
      recipient_addr: z.string(),
      message_type: z.string(),
      tx: z.object({
        hash: z.string(),
        txMsg: z.object({ message: z.object({ amount: z.string().optional() }), nonce: z.string() }),
      }),
    })
    .parse(answer);
  return [
    ['hash', tx.tx.hash],
    ['height', String(tx.height)],
    ['index', String(tx.index)],
    ['result_code', String(tx.result_code)],
    ['type', tx.message_type],
    ['from', tx.signer_addr],
    ['to', tx.recipient_addr],
    ['amount', tx.tx.txMsg.message.amount ?? ''],
    ['nonce', tx.tx.txMsg.nonce],
  ];
}

function showSupply(answer: unknown): [string, string][] {
  const coin = z.object({ amount: z.string() });
  const { pools, total, accounts } = z
    .object({ pools: z.array(z.object({ name: z.string(), amount: z.string() })), total: coin, accounts: coin })
    .parse(answer);
  return [
    ...pools.map(({ name, amount }): [string, string] => [name, amount]),
    ['pools', total.amount],
    ['accounts', accounts.amount],
  ];
}
