import { createReadStream } from 'node:fs';
import { Command } from 'commander';
import { decodeHeader } from '../actors/pocket/chain/block.ts';
import { parseGenesis } from '../actors/pocket/chain/genesis.ts';
import { fromHex, toHex } from '../actors/pocket/chain/hex.ts';
import { trustHeader } from '../actors/pocket/chain/light-client.ts';
import {
  type Proven,
  type StateProof,
  type Trust,
  trustGenesis,
  verifyStateProof,
} from '../actors/pocket/chain/state-proof.ts';
import { keyText, parseStateProof, stateValueJson } from '../actors/pocket/chain/state-proof-json.ts';
import { CodedError, hasCode, toErrorRecord } from '../runtime/errors.ts';
import { print, printJson, usageError } from './terminal.ts';

/** With a thousand validators a proof has 1 MB. */
const MAX_PROOF_BYTES = 8_000_000;

interface Flags {
  genesis?: string;
  trustedHeader?: string;
  trustedHash?: string;
  validatorsHash?: string;
  networkId?: string;
  json: boolean;
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check a proof of the state without asking anybody; exit code 0 only if it holds')
    .argument('<proof>', 'file with the answer of a /v1/proof route; - reads standard input')
    .option('--genesis <file>', 'trust the validators of this genesis file: enough while they are the same')
    .option('--trusted-header <file>', 'trust the header in this proof, which you verified before')
    .option('--trusted-hash <hash>', 'trust the block with this hash: that of the proof')
    .option('--validators-hash <hash>', 'trust validators by the hash of their set, which headers name')
    .option('--network-id <id>', 'with --validators-hash: the proof must be of this network')
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      `
Exactly one thing has to be trusted, and it must not come from whoever gave you the proof. From there on all is checked:
that the trusted validators signed the header, that its tries make its state hash, and that the trie holds the value, or
nothing at the key. A genesis file proves nothing of heights after its validators changed. Then verify a proof of the very
height that changed them first (its val_set_hash and next_val_set_hash differ), and give that as --trusted-header; or
compare the hash of the block with somebody you trust.

Examples:
  $ potoroo verify proof.json --genesis genesis.json
  $ potoroo verify later.json --trusted-header proof.json
  $ potoroo verify - --trusted-hash 3fb2a0c95d18e7764a0d1c2b3a495867768594a3b2c1d0e9f8a7b6c5d4e3f201 --json < proof.json

A proof comes from a node:
  $ curl -s http://127.0.0.1:50832/v1/proof/account -H 'content-type: application/json' \\
      -d '{"address": "0554f492a74730076d738a63bf7a4a8e581dbc15"}' > proof.json
`,
    )
    .action(verify);
}

async function verify(file: string, flags: Flags): Promise<void> {
  const trust = await trustOf(flags);
  const proof = await readProof(file);
  const proven = check(proof, trust, flags);
  if (flags.json) printJson({ verified: true, ...facts(proven) });
  else show(proven);
}

/** What the command line says to trust. @throws USAGE, FILE_UNUSABLE, GENESIS_*, PROOF_* */
async function trustOf({ genesis, trustedHeader, trustedHash, validatorsHash, networkId }: Flags): Promise<Trust> {
  const given = [genesis, trustedHeader, trustedHash, validatorsHash].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw usageError('say what to trust: one of --genesis, --trusted-header, --trusted-hash and --validators-hash');
  }
  if (networkId !== undefined && validatorsHash === undefined) {
    throw usageError('--network-id goes with --validators-hash: what else is trusted names its network');
  }
  if (genesis !== undefined) return trustGenesis(parseGenesis(await readText(genesis)));
  if (trustedHash !== undefined) return { kind: 'block', hash: hashOf('--trusted-hash', trustedHash) };
  if (trustedHeader !== undefined) {
    const { header } = await readProof(trustedHeader);
    return { kind: 'header', trusted: trustHeader(decodeHeader(header)) };
  }
  const hash = hashOf('--validators-hash', validatorsHash!);
  return networkId === undefined ? { kind: 'validators', hash } : { kind: 'validators', hash, networkId };
}

function hashOf(option: string, text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw usageError(`${option} takes 64 hex digits`);
  return fromHex(text.toLowerCase());
}

/** @throws PROOF_*, LIGHT_*, QC_*: what the proof does not show, or what to trust instead */
function check(proof: StateProof, trust: Trust, { genesis }: Flags): Proven {
  try {
    return verifyStateProof(proof, trust);
  } catch (error) {
    const isOfOthers = hasCode(error, 'LIGHT_VALIDATORS_UNKNOWN') || hasCode(error, 'LIGHT_SET_CHANGED');
    if (!isOfOthers || trust.kind === 'block') throw error;
    const { height } = decodeHeader(proof.header);
    const whose =
      genesis !== undefined
        ? 'those of the genesis file: they changed since then, or the proof is forged. Give an earlier proof that you ' +
          'verified as --trusted-header, or the hash of the block, from someone you trust, as --trusted-hash'
        : 'those that you trust: they changed in between, or the proof is forged. Verify a proof of the height first at ' +
          'which they changed, or give the hash of the block, from someone you trust, as --trusted-hash';
    throw new CodedError(
      (error as CodedError).code,
      `the validators of height ${height} are not ${whose}`,
      { height },
      { cause: error },
    );
  }
}

/** @throws FILE_UNUSABLE, PROOF_* */
async function readProof(file: string): Promise<StateProof> {
  const text = await readText(file, MAX_PROOF_BYTES);
  try {
    return parseStateProof(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    const message = `${nameOf(file)} is not JSON: give the answer of a /v1/proof route`;
    throw new CodedError('PROOF_MALFORMED', message, {}, { cause });
  }
}

/** @throws FILE_UNUSABLE, PROOF_TOO_LARGE */
async function readText(file: string, maxBytes = Number.POSITIVE_INFINITY): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new CodedError('PROOF_TOO_LARGE', `${nameOf(file)} has more than ${maxBytes} bytes: it is no proof`);
      }
    }
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    const reason = toErrorRecord(cause).message;
    throw new CodedError('FILE_UNUSABLE', `${nameOf(file)} cannot be read: ${reason}`, { path: file }, { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file;
}

function facts({ tree, key, value, header }: Proven) {
  return {
    network_id: header.header.networkId,
    height: header.header.height,
    time: new Date(Number(header.header.timestamp_ms)).toISOString(),
    block_hash: toHex(header.hash),
    state_hash: toHex(header.header.stateHash),
    tree,
    key: keyText(tree, key),
    decoded: value === null ? null : stateValueJson(value),
  };
}

function show(proven: Proven): void {
  const { decoded, ...rest } = facts(proven);
  const values = decoded === null ? { value: 'absent' } : decoded;
  for (const [name, value] of Object.entries({ ...rest, ...values })) print(`${name.padEnd(17)}  ${value}`);
  print('verified           the proof holds');
}
