import { z } from 'zod';
import { CodedError } from '../../../runtime/errors.ts';
import type { Actor } from './actor.ts';
import { blockHash, decodeHeader } from './block.ts';
import { fromHex, toHex } from './hex.ts';
import type { StateProof } from './state-proof.ts';
import { ACTOR_KINDS, decodeStateValue, PROVABLE_TREES, type ProvableTree, type StateValue } from './state-values.ts';
import { MAX_VALIDATORS } from './validators.ts';

/** First thing in a file with a proof; another form gets another number. */
const FORMAT = 'potoroo-state-proof/1';

const hex = (what: string) =>
  z
    .string()
    .regex(/^(?:[0-9a-f]{2})*$/, 'must be lower-case hex')
    .describe(`${what} Hex.`);
const hexOf = (bytes: number, what: string) => hex(what).length(bytes * 2, `must be ${bytes * 2} hex digits`);
const amount = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,38})$/, 'must be a whole number')
  .describe('uPOKT, base 10.');
const height = (what: string) => z.int().min(-1).describe(what);

const accountJson = z.strictObject({ address: hexOf(20, 'Account.'), amount }).describe('Of the tree account.');
const actorJson = z
  .strictObject({
    address: hexOf(20, 'Actor.'),
    actor_type: z.enum(ACTOR_KINDS.map(({ name }) => name)),
    public_key: hexOf(32, 'Key.'),
    chains: z.array(z.string()).describe('Relay chains that it serves or uses.'),
    service_url: z.string(),
    staked_amount: amount,
    paused_height: height('Since when it is paused; -1: it is not.'),
    unstaking_height: height('When its stake is paid out; -1: it is not leaving.'),
    output_addr: hexOf(20, 'Who gets the stake back.'),
    missed_blocks: height('Of a validator: blocks in a row that it did not sign.'),
    punished_height: height('Greatest height of an offence that it was punished for; 0 for none.'),
  })
  .describe('Of the trees app, servicer, fish and val.');
const paramJson = z
  .strictObject({
    parameter_name: z.string(),
    parameter_value: z.string(),
    height: height('Of its last change.'),
  })
  .describe('Of the tree params.');

/** A state proof as it is served and kept in files. It takes nothing else to check it but what is trusted. */
export const stateProofJsonSchema = z
  .strictObject({
    format: z.literal(FORMAT).describe('Form of this document.'),
    network_id: z.string().describe('Of the header.'),
    height: height('Of the header.'),
    block_hash: hexOf(32, 'SHA-256 of the header.'),
    state_hash: hexOf(32, 'Of the header.'),
    tree: z.enum(PROVABLE_TREES).describe('The state trie.'),
    key: z.string().min(1).max(256).describe('Address, 40 hex digits; of a parameter its name.'),
    value: hex('What the trie holds, canonical bytes.').nullable().describe('Null: the trie has nothing at the key.'),
    decoded: z.union([accountJson, actorJson, paramJson]).nullable().describe('What the value says.'),
    proof: hex('Way from the value to the root of the trie, canonical bytes of core.TrieProof.'),
    header: hex('Canonical bytes of the header.'),
    commit_qc: hex('Canonical bytes of the certificate that decided the block; empty for genesis.'),
    validators: z
      .array(
        z.strictObject({
          address: hexOf(20, 'Validator.'),
          public_key: hexOf(32, 'Its key.'),
          power: amount.describe('Weight of its vote, base 10.'),
        }),
      )
      .min(1)
      .max(MAX_VALIDATORS)
      .describe('Who decided the block, by ascending address.'),
  })
  .describe('A value of the state, or its absence, with its proof.');
export type StateProofJson = z.infer<typeof stateProofJsonSchema>;

/** The document of a proof. @throws HEADER_*, STATE_* where its parts are malformed */
export function stateProofJson(proof: StateProof): StateProofJson {
  const header = decodeHeader(proof.header);
  return {
    format: FORMAT,
    network_id: header.networkId,
    height: Number(header.height),
    block_hash: toHex(blockHash(header)),
    state_hash: toHex(header.stateHash),
    tree: proof.tree,
    key: keyText(proof.tree, proof.key),
    value: proof.value === null ? null : toHex(proof.value),
    decoded: proof.value === null ? null : stateValueJson(decodeStateValue(proof.tree, proof.value)),
    proof: toHex(proof.proof),
    header: toHex(proof.header),
    commit_qc: toHex(proof.commitQc),
    validators: proof.validators.map(({ address, publicKey, power }) => ({
      address: toHex(address),
      public_key: toHex(publicKey),
      power: power.toString(),
    })),
  };
}

/**
 * Reads a document. What it says twice must be the same both times, so that nobody is misled by the part for people.
 * @param json what JSON.parse gave
 * @throws PROOF_MALFORMED, PROOF_MISMATCH, HEADER_*, STATE_*
 */
export function parseStateProof(json: unknown): StateProof {
  const said = checkForm(json);
  const { tree, key, value, proof, header, commit_qc, validators } = said;
  const read: StateProof = {
    tree,
    key: keyBytes(tree, key),
    value: value === null ? null : fromHex(value),
    proof: fromHex(proof),
    header: fromHex(header),
    commitQc: fromHex(commit_qc),
    validators: validators.map((voter) => ({
      address: fromHex(voter.address),
      publicKey: fromHex(voter.public_key),
      power: BigInt(voter.power),
    })),
  };
  // The bytes may say what no document has room for, such as a height beyond what JSON keeps exactly.
  requireSame(said, checkForm(stateProofJson(read)));
  return read;
}

/** @throws PROOF_MALFORMED */
function checkForm(json: unknown): StateProofJson {
  const parsed = stateProofJsonSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  const where = path === '' ? 'the document' : path;
  throw new CodedError('PROOF_MALFORMED', `${where}: ${issue?.message}: this is no proof of this version`, { path });
}

/** For people: what a value says. */
export function stateValueJson(value: StateValue): NonNullable<StateProofJson['decoded']> {
  if ('account' in value) return { address: toHex(value.account.address), amount: value.account.amount.toString() };
  if ('actor' in value) return actorText(value.actor);
  const { name, value: text, height: changed } = value.param;
  return { parameter_name: name, parameter_value: text, height: Number(changed) };
}

function actorText(actor: Actor): z.infer<typeof actorJson> {
  return {
    address: toHex(actor.address),
    actor_type: ACTOR_KINDS.find(({ type }) => type === actor.type)!.name,
    public_key: toHex(actor.publicKey),
    chains: actor.chains,
    service_url: actor.serviceUrl,
    staked_amount: actor.stakedAmount.toString(),
    paused_height: Number(actor.pausedHeight),
    unstaking_height: Number(actor.unstakingHeight),
    output_addr: toHex(actor.output),
    missed_blocks: Number(actor.missedBlocks),
    punished_height: Number(actor.punishedHeight),
  };
}

/** A key as people write it: an address, or the name of a parameter. */
export function keyText(tree: ProvableTree, key: Uint8Array): string {
  return tree === 'params' ? new TextDecoder().decode(key) : toHex(key);
}

function keyBytes(tree: ProvableTree, key: string): Uint8Array {
  if (tree === 'params') return new TextEncoder().encode(key);
  if (/^[0-9a-f]{40}$/.test(key)) return fromHex(key);
  throw new CodedError('PROOF_MALFORMED', `key: must be 40 lower-case hex digits in the tree ${tree}`, { path: 'key' });
}

/** Both went through the schema: their members stand in the same order. */
function requireSame(said: StateProofJson, meant: StateProofJson): void {
  for (const field of Object.keys(meant) as (keyof StateProofJson)[]) {
    if (JSON.stringify(said[field]) === JSON.stringify(meant[field])) continue;
    throw new CodedError('PROOF_MISMATCH', `${field}: is not what the bytes of the proof say: fetch it again`, {
      field,
    });
  }
}
