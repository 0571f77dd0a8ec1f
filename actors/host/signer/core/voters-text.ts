import { z } from 'zod';
import { decodeHeader, encodeHeader } from '../../../pocket/chain/block.ts';
import { equalBytes, fromHex, toHex } from '../../../pocket/chain/hex.ts';
import { validatorSet, validatorSetHash } from '../../../pocket/chain/validators.ts';
import type { Voters } from './voters.ts';

const VERSION = 1;

const hex = z.string().regex(/^([0-9a-f]{2})+$/);
const height = z
  .string()
  .regex(/^[1-9]\d{0,18}$/)
  .transform(BigInt);
const schema = z.strictObject({
  version: z.literal(VERSION),
  network: z.string(),
  changed_by: hex,
  sets: z
    .array(
      z.strictObject({
        from: height,
        validators: z.array(z.strictObject({ address: hex, public_key: hex, power: height })),
      }),
    )
    .min(1),
});

/** Keeps what was proven, so that a restarted signer need not be shown the whole chain of changes again. */
export function votersText({ sets, changedBy }: Voters, networkId: string): string {
  const document = {
    version: VERSION,
    network: networkId,
    changed_by: changedBy === null ? '' : toHex(encodeHeader(changedBy)),
    sets: sets.map(({ from, set }) => ({
      from: String(from),
      validators: set.list.map(({ address, publicKey, power }) => ({
        address: toHex(address),
        public_key: toHex(publicKey),
        power: String(power),
      })),
    })),
  };
  return `${JSON.stringify(document)}\n`;
}

/** Null for what is damaged or of another network: then the changes are shown again, from the genesis on. */
export function parseVoters(text: string, networkId: string): Voters | null {
  try {
    const { network, changed_by, sets } = schema.parse(JSON.parse(text));
    const changedBy = decodeHeader(fromHex(changed_by));
    const read = sets.map(({ from, validators }) => ({
      from,
      set: validatorSet(
        validators.map(({ address, public_key, power }) => ({
          address: fromHex(address),
          publicKey: fromHex(public_key),
          power,
          serviceUrl: '',
        })),
      ),
    }));
    const newest = read.at(-1)!;
    const fits =
      newest.from === changedBy.height + 1n && equalBytes(validatorSetHash(newest.set), changedBy.nextValSetHash);
    return network === networkId && fits ? { sets: read, changedBy } : null;
  } catch {
    return null;
  }
}
