import { Command } from 'commander';
import type { Protection } from '../config/key-format.ts';
import { createKey, type KeyInfo, listKeys } from '../config/keystore.ts';
import { passwordFromFile, promptNewPassword } from './password.ts';
import { findKey, keysDirectory, type PlaceFlags, withKeys } from './places.ts';
import { note, print, printJson, usageError } from './terminal.ts';

interface Flags extends PlaceFlags {
  json: boolean;
}
interface CreateFlags extends Flags {
  name?: string;
  unencrypted: boolean;
}

export function keysCommand(): Command {
  return new Command('keys')
    .description('Create and list keys')
    .addHelpText('after', '\nExample:\n  $ potoroo keys create --name alice\n')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(showCommand());
}

function createCommand(): Command {
  return withKeys(new Command('create'))
    .description('Create a key; asks for a password that encrypts it')
    .option('--name <name>', 'name of the key file (default: its address)')
    .option('--password-file <file>', 'file whose first line is the password')
    .option('--unencrypted', 'write the key in clear: for networks that are thrown away', false)
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo keys create --name alice --password-file ./secret\n')
    .action(async (flags: CreateFlags) => {
      const protection = await protectionOf(flags);
      const named = flags.name === undefined ? {} : { name: flags.name };
      show(await createKey(keysDirectory(flags), { ...protection, ...named }), flags.json);
    });
}

async function protectionOf({ unencrypted, passwordFile }: CreateFlags): Promise<Protection> {
  if (unencrypted && passwordFile !== undefined)
    throw usageError('--unencrypted and --password-file exclude each other');
  if (unencrypted) return { unencrypted };
  if (passwordFile !== undefined) return { password: passwordFromFile(passwordFile) };
  return { password: await promptNewPassword() };
}

function listCommand(): Command {
  return withKeys(new Command('list'))
    .description('List the keys of a directory')
    .option('--dir <directory>', 'a local network: the keys of its accounts')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo keys list --dir ./localnet\n')
    .action(async (flags: Flags) => {
      const { keys, broken } = await listKeys(keysDirectory(flags));
      for (const { path, error } of broken) note(`warning ${error.code}: ${path}: ${error.message}`);
      if (flags.json) printJson(keys.map(answerOf));
      else for (const key of keys) print(`${key.address}  ${key.encrypted ? 'encrypted' : 'clear    '}  ${key.name}`);
    });
}

function showCommand(): Command {
  return withKeys(new Command('show'))
    .description('Show the public part of a key')
    .argument('<key>', 'address or name')
    .option('--dir <directory>', 'a local network: the keys of its accounts')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo keys show alice\n')
    .action(async (wanted: string, flags: Flags) => show(await findKey(wanted, flags), flags.json));
}

function answerOf({ name, address, publicKey, encrypted, path }: KeyInfo) {
  return { name, address, public_key: publicKey, encrypted, path };
}

function show(key: KeyInfo, json: boolean): void {
  if (json) printJson(answerOf(key));
  else for (const [field, value] of Object.entries(answerOf(key))) print(`${field.padEnd(10)}  ${value}`);
}
