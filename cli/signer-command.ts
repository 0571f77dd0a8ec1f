import { isIP } from 'node:net';
import { Command, InvalidArgumentError } from 'commander';
import type { RecordOwner } from '../actors/host/signer/core/record.ts';
import { type HomeFlags, withHome } from './places.ts';
import { recordOwner, type SignerHome, signerHome } from './signer/home.ts';
import { type RecordStatus, recordStatus, statusLines } from './signer/status.ts';
import { acceptRecord, exportRecord, importRecord, readExport } from './signer/transfer.ts';
import { confirm, note, print, printJson, usageError } from './terminal.ts';

interface Flags extends HomeFlags {
  json: boolean;
}
interface ExportFlags extends Flags {
  out: string;
}
interface RiskFlags extends Flags {
  soleSigner: boolean;
}
interface ImportFlags extends RiskFlags {
  yes: boolean;
}
interface AcceptFlags extends RiskFlags {
  height?: bigint;
}
interface ServeFlags extends Flags {
  listen: string;
  allow: string[];
  passwordFile?: string;
}

/** A node and its stand-ins; who allows more allows anybody. */
const MAX_ALLOWED = 16;
/** The form of libp2p peer ids of Ed25519 keys. */
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

/** Named in full, because nothing else stands between the operator and a forked chain. */
const SOLE_SIGNER = 'I made sure that no other process signs with this key: two that do can fork the chain';

export function signerCommand(): Command {
  return new Command('signer')
    .description('Look at what a validator key has signed, move it to another machine, run it in a process of its own')
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo signer status --home ./node
  $ potoroo signer export --home ./node --out ./promises.json    on the old machine, with the node stopped for good
  $ potoroo signer import ./promises.json --home ./node          on the new one, before its first start
`,
    )
    .addCommand(statusCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(acceptCommand())
    .addCommand(serveCommand());
}

function statusCommand(): Command {
  return withHome(new Command('status'))
    .description('What the key of a home has signed last, and whether it would sign; the node may run')
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  $ potoroo signer status --node 1\n  $ potoroo signer status --home ./node --json\n',
    )
    .action(async (flags: Flags) => {
      const home = signerHome(flags);
      if (home.config.signer.remote !== '') {
        await showRemote(home, flags.json);
        return;
      }
      const file = home.config.signer.record_file;
      showStatus(recordStatus(file, await recordOwner(home)), file, flags.json);
    });
}

function exportCommand(): Command {
  return withHome(new Command('export'))
    .description('Write what the key has promised to a file, without the key; the node must be stopped')
    .requiredOption('--out <file>', 'file to write; must not exist')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo signer export --home ./node --out ./promises.json\n')
    .action(async (flags: ExportFlags) => {
      const { file, owner } = await recordOf(flags);
      const { state } = exportRecord(file, owner, flags.out);
      const { height, round, step } = state;
      if (flags.json) printJson({ out: flags.out, height, round, step });
      else print(`${flags.out}: all that was signed up to height ${height}, round ${round}`);
      note('Whatever this home signs from now on is not in the file: do not start it again with this key.');
    });
}

function importCommand(): Command {
  return withHome(new Command('import'))
    .description('Add what an export knows to the record of a home; nothing is lowered. The node must be stopped')
    .argument('<file>', 'what `potoroo signer export` has written')
    .option('--yes', 'do not ask whether the other signer is stopped', false)
    .option('--sole-signer', SOLE_SIGNER, false)
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      `
Without --sole-signer, a record that is a copy, or that lacks a vote of the key which was seen on the chain, is left as it is.

Examples:
  $ potoroo signer import ./promises.json --home ./node
  $ potoroo signer import ./promises.json --home ./node --yes --sole-signer
`,
    )
    .action(async (name: string, flags: ImportFlags) => {
      const { file, owner } = await recordOf(flags);
      const exported = readExport(name, owner);
      if (!flags.yes && !(await confirm('Is the signer that this is from stopped, and will it stay so?'))) {
        throw usageError('nothing was imported');
      }
      importRecord(file, owner, exported, flags.soleSigner);
      showStatus(recordStatus(file, owner), file, flags.json);
    });
}

function acceptCommand(): Command {
  return withHome(new Command('accept'))
    .description('Take a record that was refused as copied or stale; its key signs again once the chain is past it')
    .option('--sole-signer', SOLE_SIGNER, false)
    .option('--height <height>', 'height that the network has reached; for a copied record', heightIn)
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      `
Nothing is signed up to the height after the one given, or after the last at which the key was seen to vote.

Example:
  $ potoroo signer accept --home ./node --sole-signer --height 81250
`,
    )
    .action(async (flags: AcceptFlags) => {
      if (!flags.soleSigner) throw usageError(`give --sole-signer if you can say: ${SOLE_SIGNER}`);
      const { file, owner } = await recordOf(flags);
      acceptRecord(file, owner, flags.height);
      showStatus(recordStatus(file, owner), file, flags.json);
    });
}

function serveCommand(): Command {
  return withHome(new Command('serve'))
    .description(
      'Hold the key and the record in a process of its own and sign for a node, over Noise, until interrupted',
    )
    .option('--listen <host:port>', 'address to listen on', listenAddress, '/ip4/127.0.0.1/tcp/26659')
    .requiredOption(
      '--allow <peer id>',
      'node that may ask; may be given several times, one of them is served',
      allowed,
    )
    .option('--password-file <file>', 'file whose first line is the password of the key (default: asks for it)')
    .option('--json', 'tell the addresses in JSON', false)
    .addHelpText(
      'after',
      `
The home needs config.json, genesis.json, the validator key and the record; the node needs none of the last two. The node's
peer id towards its signer is in its log, and in \`potoroo signer status\` on its home.

Examples:
  $ potoroo signer serve --home ./signer --allow 12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp
  $ potoroo signer serve --home ./signer --listen 10.0.0.2:26659 --allow 12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp
`,
    )
    .action(async (flags: ServeFlags) => {
      const home = signerHome(flags);
      // libp2p takes a while to load: the other commands do without it.
      const { serveSigner } = await import('./signer/serve.ts');
      const { listen, allow, json, passwordFile } = flags;
      const password = passwordFile === undefined ? {} : { passwordFile };
      await serveSigner(home, { listen, allowed: new Set(allow), json, ...password });
    });
}

function listenAddress(text: string): string {
  const [, six, four, port] = /^(?:\[([0-9a-f:]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text) ?? [];
  const version = isIP(six ?? four ?? '');
  if (version === 0 || Number(port) > 65_535) {
    throw new InvalidArgumentError('Write an address and a port, for example 127.0.0.1:26659 or [::1]:26659.');
  }
  return `/ip${version}/${six ?? four}/tcp/${port}`;
}

function allowed(id: string, before: string[] = []): string[] {
  if (!PEER_ID.test(id))
    throw new InvalidArgumentError('Write the peer id of a node: 12D3KooW and 44 more characters.');
  if (before.length >= MAX_ALLOWED) throw new InvalidArgumentError(`At most ${MAX_ALLOWED} nodes can be allowed.`);
  return [...before, id];
}

function heightIn(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return BigInt(text);
}

async function recordOf(flags: HomeFlags): Promise<{ file: string; owner: RecordOwner }> {
  const home = signerHome(flags);
  return { file: home.config.signer.record_file, owner: await recordOwner(home) };
}

/** The record is not here: what the signer has to be told of this node. */
async function showRemote({ config }: SignerHome, json: boolean): Promise<void> {
  const { remote, remote_key_file } = config.signer;
  const { linkPeerId } = await import('./signer/link.ts');
  const peerId = await linkPeerId(remote_key_file);
  if (json) printJson({ remote, peer_id: peerId });
  else print(`signer   ${remote}\npeer id  ${peerId}  (of this node, for --allow)`);
}

function showStatus(status: RecordStatus | null, file: string, json: boolean): void {
  if (json) printJson(status);
  else if (status === null) print(`no record ${file}: this home has signed nothing`);
  else for (const line of statusLines(status)) print(line);
}
