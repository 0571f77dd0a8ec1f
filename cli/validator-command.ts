import { Command } from 'commander';
import { z } from 'zod';
import { ACTOR_VALIDATOR } from '../actors/pocket/chain/actor.ts';
import { addressOf, parseAddress } from '../actors/pocket/chain/address.ts';
import { parseAmount } from '../actors/pocket/chain/amounts.ts';
import { fromHex, toHex } from '../actors/pocket/chain/hex.ts';
import type { Message } from '../actors/pocket/chain/messages.ts';
import { isServiceUrl, SERVICE_URL_FIX } from '../actors/pocket/chain/service-url.ts';
import { CodedError } from '../runtime/errors.ts';
import { columnLines } from './columns.ts';
import { NodeClient } from './node-client.ts';
import { nodeUrl, type PlaceFlags, withNode } from './places.ts';
import { type SubmitFlags, submitMessage, withSubmit } from './submit.ts';
import { print, printJson, usageError } from './terminal.ts';

/** Validators of one question to a node: its largest page. */
const PAGE = 1_000;

const KEY = 'key that pays: address or name in the key directory, or path of a key file';
const EXAMPLE_ADDRESS = '5e9c4ab5ae2e2d4f3dbb0f1e0a83d0e4c1a3f7aa';

/** All that an operator does with a validator. */
export function validatorCommand(): Command {
  return new Command('validator')
    .description('Stake validators, and look after them')
    .addHelpText(
      'after',
      `
Whoever operates a validator, or gets its stake back, may give it orders. A change counts from the height after its block.

Examples:
  $ potoroo validator stake alice 15000000000 node.example.org:42069 --wait
  $ potoroo validator list
`,
    )
    .addCommand(stakeCommand())
    .addCommand(editCommand())
    .addCommand(orderCommand('unstake', 'Leave: the stake is paid to the output after the unstaking blocks'))
    .addCommand(orderCommand('pause', 'Stop deciding for a while; who pauses too long leaves'))
    .addCommand(orderCommand('unpause', 'Decide again, some blocks after the pause at the earliest'))
    .addCommand(listCommand())
    .addCommand(statusCommand());
}

interface StakeFlags extends SubmitFlags {
  operator?: string;
  output?: string;
}

function stakeCommand(): Command {
  return withSubmit(new Command('stake'))
    .description('Make a validator')
    .argument('<key>', KEY)
    .argument('<amount>', 'uPOKT to stake, a whole number')
    .argument('<service-url>', 'where its consensus is reached: host:port')
    .option('--operator <public-key>', 'key of the validator, 64 hex digits (default: that of <key>)')
    .option('--output <address>', 'who gets the stake back (default: <key>)')
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo validator stake ./node/validator.json 15000000000 node.example.org:42069 --wait
  $ potoroo validator stake alice 15000000000 node.example.org:42069 --operator 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29
`,
    )
    .action(stake);
}

async function stake(wanted: string, amount: string, serviceUrl: string, flags: StakeFlags): Promise<void> {
  const staked = parseAmount(amount);
  checkUrl(serviceUrl);
  const output = flags.output === undefined ? null : parseAddress(flags.output);
  if (flags.operator !== undefined && !/^[0-9a-f]{64}$/.test(flags.operator)) {
    throw usageError('--operator is a public key: 64 lower-case hex digits');
  }
  await submitMessage(wanted, flags, (key) => {
    const signer = fromHex(key.address);
    const publicKey = fromHex(flags.operator ?? key.publicKey);
    const message: Message = {
      type: 'utility.MessageStake',
      ...{ actorType: ACTOR_VALIDATOR, publicKey, chains: [], amount: staked, serviceUrl, signer },
      output: output ?? signer,
    };
    return {
      message,
      shown: shownOf(addressOf(publicKey), key.address, { output: toHex(message.output), amount: staked }),
    };
  });
}

interface OrderFlags extends SubmitFlags {
  validator?: string;
}

function withValidator(command: Command): Command {
  return withSubmit(command).option('--validator <address>', 'the validator (default: that of <key>)');
}

function editCommand(): Command {
  return withValidator(new Command('edit'))
    .description('Raise the stake of a validator, and replace its URL')
    .argument('<key>', KEY)
    .argument('<amount>', 'uPOKT, the whole stake from now on: at least what it is')
    .argument('<service-url>', 'where its consensus is reached from now on: host:port')
    .addHelpText('after', '\nExample:\n  $ potoroo validator edit alice 16000000000 node.example.org:42069 --wait\n')
    .action(async (wanted: string, amount: string, serviceUrl: string, flags: OrderFlags) => {
      const staked = parseAmount(amount);
      checkUrl(serviceUrl);
      await order(wanted, flags, (address, signer) => ({
        type: 'utility.MessageEditStake',
        ...{ actorType: ACTOR_VALIDATOR, address, chains: [], amount: staked, serviceUrl, signer },
      }));
    });
}

const ORDERS = {
  unstake: 'utility.MessageUnstake',
  pause: 'utility.MessagePause',
  unpause: 'utility.MessageUnpause',
} as const;

function orderCommand(verb: keyof typeof ORDERS, description: string): Command {
  return withValidator(new Command(verb))
    .description(description)
    .argument('<key>', KEY)
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo validator ${verb} alice --wait
  $ potoroo validator ${verb} owner --validator ${EXAMPLE_ADDRESS}
`,
    )
    .action((wanted: string, flags: OrderFlags) =>
      order(wanted, flags, (address, signer) => ({ type: ORDERS[verb], actorType: ACTOR_VALIDATOR, address, signer })),
    );
}

async function order(
  wanted: string,
  flags: OrderFlags,
  make: (address: Uint8Array, signer: Uint8Array) => Message,
): Promise<void> {
  const given = flags.validator === undefined ? null : parseAddress(flags.validator);
  await submitMessage(wanted, flags, (key) => {
    const signer = fromHex(key.address);
    const address = given ?? signer;
    return { message: make(address, signer), shown: shownOf(address, key.address, {}) };
  });
}

function shownOf(validator: Uint8Array, signer: string, rest: object): object {
  return { validator: toHex(validator), signer, ...rest };
}

/** @throws USAGE */
function checkUrl(text: string): void {
  if (!isServiceUrl(text)) throw usageError(`the service URL is wrong: ${SERVICE_URL_FIX}`);
}

interface AskFlags extends PlaceFlags {
  height: string;
  json: boolean;
}

const validatorSchema = z.object({
  address: z.string(),
  public_key: z.string(),
  service_url: z.string(),
  staked_amount: z.string(),
  paused_height: z.int(),
  unstaking_height: z.int(),
  output_addr: z.string(),
  missed_blocks: z.int(),
  punished_height: z.int(),
});
type Validator = z.infer<typeof validatorSchema>;
const pageSchema = z.object({ validators: z.array(validatorSchema), total_pages: z.int() });

function withHeight(command: Command): Command {
  return withNode(command)
    .option('--height <height>', 'state after this block (default: the latest)', '0')
    .option('--json', 'answer in JSON, one line', false);
}

function listCommand(): Command {
  return withHeight(new Command('list'))
    .description('List the validators and their status')
    .addHelpText('after', '\nExample:\n  $ potoroo validator list --dir ./localnet\n')
    .action(async (flags: AskFlags) => {
      const validators = await ask(flags, allValidators);
      if (flags.json) printJson(validators.map((one) => ({ ...one, status: statusOf(one) })));
      else for (const line of columnLines([HEADINGS, ...validators.map(rowOf)], [0, 1, 4])) print(line);
    });
}

const HEADINGS = ['address', 'status', 'staked uPOKT', 'missed', 'service URL'];

function rowOf(one: Validator): string[] {
  return [one.address, statusOf(one), one.staked_amount, String(one.missed_blocks), one.service_url];
}

/** What a person wants to know first. */
function statusOf({ paused_height, unstaking_height }: Validator): string {
  if (unstaking_height >= 0) return `leaving at ${unstaking_height}`;
  return paused_height >= 0 ? `paused at ${paused_height}` : 'active';
}

function statusCommand(): Command {
  return withHeight(new Command('status'))
    .description('Show a validator')
    .argument('<address>', '40 hex digits')
    .addHelpText('after', `\nExample:\n  $ potoroo validator status ${EXAMPLE_ADDRESS}\n`)
    .action(async (address: string, flags: AskFlags) => {
      parseAddress(address);
      const one = await ask(flags, async (client, height) =>
        read(validatorSchema, client, await client.postJson('/v1/query/validator', { address, height })),
      );
      const shown = { ...one, status: statusOf(one) };
      if (flags.json) printJson(shown);
      else for (const [name, value] of Object.entries(shown)) print(`${name.padEnd(16)}  ${value}`);
    });
}

/** @throws USAGE, those of the node */
async function ask<T>(flags: AskFlags, question: (client: NodeClient, height: number) => Promise<T>): Promise<T> {
  if (!/^\d{1,15}$/.test(flags.height)) throw usageError('a height is a whole number; 0 is the latest');
  const client = new NodeClient(nodeUrl(flags));
  try {
    return await question(client, Number(flags.height));
  } finally {
    client.close();
  }
}

async function allValidators(client: NodeClient, height: number): Promise<Validator[]> {
  const all: Validator[] = [];
  for (let page = 1; ; page++) {
    const body = { height, page, per_page: PAGE, sort: 'asc' };
    const answer = read(pageSchema, client, await client.postJson('/v1/query/validators', body));
    all.push(...answer.validators);
    if (page >= answer.total_pages) return all;
  }
}

function read<T>(schema: z.ZodType<T>, client: NodeClient, answer: unknown): T {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  throw new CodedError('NODE_ANSWER', `${client.url} answered in another shape`);
}
