import { decodeCanonical, encodeCanonical, ensure, type Format, isUint64 } from './canonical.ts';
import { ParamSchema } from './gen/state_pb.ts';
import { MAX_VALUE_BYTES } from './sizes.ts';

/** Owns every parameter unless genesis says otherwise. */
const DEFAULT_OWNER = 'da034209758b78eaea06dd99c07909ab54c99b45';
const DEFAULT_FEE = '10000';
const OWNER_SUFFIX = '_owner';

const GENERAL: Readonly<Record<string, string>> = {
  blocks_per_session: '1',
  servicers_per_session: '24',
  fisherman_per_session: '1',
  proposer_percentage_of_fees: '10',
  missed_blocks_burn_percentage: '1',
  double_sign_burn_percentage: '5',
  validator_maximum_missed_blocks: '5',
  validator_max_evidence_age_in_blocks: '8',
  app_session_tokens_multiplier: '100',
};

const PER_ACTOR: Readonly<Record<string, string>> = {
  minimum_stake: '15000000000',
  unstaking_blocks: '2016',
  minimum_pause_blocks: '4',
  max_pause_blocks: '672',
};

const ACTORS = ['app', 'servicer', 'fisherman', 'validator'];
const STAKE_MESSAGES = ['stake', 'edit_stake', 'unstake', 'pause', 'unpause'];
const OTHER_MESSAGES = [
  'double_sign',
  'send',
  'change_parameter',
  'test_score',
  'prove_test_score',
  'fisherman_pause_servicer',
];

/** Every governance parameter with its default, by ascending name. */
export const DEFAULT_PARAMS: ReadonlyMap<string, string> = new Map(defaults().sort(([a], [b]) => (a < b ? -1 : 1)));

const PARAM: Format<typeof ParamSchema> = {
  schema: ParamSchema,
  name: 'parameter',
  prefix: 'STATE',
  maxBytes: MAX_VALUE_BYTES,
};

/** True for a parameter whose value is an address. */
export function isOwnerParam(name: string): boolean {
  return name.endsWith(OWNER_SUFFIX);
}

/** The value of a parameter in its trie. @throws STATE_MALFORMED */
export function encodeParam(param: { name: string; value: string; height: bigint }): Uint8Array {
  ensure(param.name !== '', 'STATE', 'name', 'is missing');
  ensure(isUint64(param.height), 'STATE', 'height', 'must be from 0 to 2^64 - 1');
  return encodeCanonical(ParamSchema, param);
}

/** Reads what encodeParam wrote. @throws STATE_* */
export function decodeParam(bytes: Uint8Array): { name: string; value: string; height: bigint } {
  const { name, value, height } = decodeCanonical(PARAM, bytes);
  ensure(name !== '', 'STATE', 'name', 'is missing');
  return { name, value, height };
}

function defaults(): [string, string][] {
  const values: [string, string][] = Object.entries(GENERAL);
  for (const actor of ACTORS) {
    for (const [name, value] of Object.entries(PER_ACTOR)) values.push([`${actor}_${name}`, value]);
    if (actor !== 'validator') values.push([`${actor}_max_chains`, '15']);
    for (const message of STAKE_MESSAGES) values.push([`message_${message}_${actor}_fee`, DEFAULT_FEE]);
  }
  for (const message of OTHER_MESSAGES) values.push([`message_${message}_fee`, DEFAULT_FEE]);
  const owners = values.map(([name]): [string, string] => [ownerOf(name), DEFAULT_OWNER]);
  return [...values, ...owners, [`acl${OWNER_SUFFIX}`, DEFAULT_OWNER]];
}

/** The published name of one owner differs from the parameter's. */
function ownerOf(name: string): string {
  return name.replace(/_max_pause_blocks$/, '_max_paused_blocks') + OWNER_SUFFIX;
}
