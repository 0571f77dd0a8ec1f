import { CodedError } from '../../../../runtime/errors.ts';
import { decodeHeader, type Header } from '../../../pocket/chain/block.ts';
import { equalBytes } from '../../../pocket/chain/hex.ts';
import { type TrustedHeader, trustHeader, verifyHeader } from '../../../pocket/chain/light-client.ts';
import { type Validator, type ValidatorSet, validatorSet, validatorSetHash } from '../../../pocket/chain/validators.ts';
import type { ShownHeader, Voter } from '../protocol.ts';

/** Who decides the heights from one on, until the next set. */
interface VoterSet {
  readonly from: bigint;
  readonly set: ValidatorSet;
}

/**
 * Who decides which height, as far as the signer has proof: from the genesis, header by header that changes the set. A
 * change that it was not shown makes certificates of the new set fail, never those of a made-up set pass.
 */
export interface Voters {
  /** By ascending `from`; the newest last. */
  readonly sets: readonly VoterSet[];
  /** The last header that changed the set; null for the genesis. */
  readonly changedBy: Header | null;
}

/** Certificates are looked at of the present height and of the one before; the rest is for late repeats. */
const MAX_SETS = 4;

/** @param validators those of the genesis */
export function genesisVoters(validators: readonly Validator[]): Voters {
  return { sets: [{ from: 1n, set: validatorSet(validators) }], changedBy: null };
}

/** Who decides a height. @throws SIGNER_VOTERS_FORGOTTEN */
export function votersOf({ sets }: Voters, height: bigint): ValidatorSet {
  const found = sets.findLast(({ from }) => from <= height);
  if (found !== undefined) return found.set;
  throw new CodedError(
    'SIGNER_VOTERS_FORGOTTEN',
    `The signer does not keep who decided height ${height}: it keeps the sets from height ${sets[0]!.from} on.`,
    { height, from: sets[0]!.from },
  );
}

/** First height that the newest known set decides: changes are shown from there on. */
export function knownFrom({ sets }: Voters): bigint {
  return sets.at(-1)!.from;
}

/**
 * Follows one header. Those that change nothing, or were followed before, change nothing here.
 * @returns the same object where nothing is new
 * @throws LIGHT_*, QC_*, HEADER_*, VALIDATORS_INVALID, SIGNER_VOTERS_FOREIGN
 */
export function followed(voters: Voters, networkId: string, shown: ShownHeader): Voters {
  // A copy: the header is kept, and would keep the whole message that it came in.
  const header = decodeHeader(Uint8Array.from(shown.header));
  if (header.height < knownFrom(voters)) return voters;
  if (equalBytes(header.valSetHash, header.nextValSetHash)) return voters;
  const deciding = votersOf(voters, header.height);
  const trusted =
    voters.changedBy === null ? genesisBefore(header, networkId, deciding) : trustHeader(voters.changedBy);
  verifyHeader(trusted, header, shown.commitQc, deciding);
  return withSet(voters, header, nextSet(header, shown.validators));
}

/** The sets after a header that is believed. @throws SIGNER_VOTERS_FOREIGN */
function withSet({ sets }: Voters, header: Header, set: ValidatorSet): Voters {
  const next = { from: header.height + 1n, set };
  return { sets: [...sets.slice(-(MAX_SETS - 1)), next], changedBy: header };
}

function nextSet(header: Header, validators: readonly Voter[]): ValidatorSet {
  const set = validatorSet(
    validators.map(({ address, publicKey, power }) => ({
      address: Uint8Array.from(address),
      publicKey: Uint8Array.from(publicKey),
      power,
      serviceUrl: '',
    })),
  );
  if (equalBytes(validatorSetHash(set), header.nextValSetHash)) return set;
  throw new CodedError(
    'SIGNER_VOTERS_FOREIGN',
    `The validators shown are not those that header ${header.height} names for the next height.`,
    { height: header.height },
  );
}

/**
 * The genesis as a header to begin with. Its hash and state are not known here, and taken as the header of height 1 has
 * them: that one is believed for the signatures of the genesis validators.
 */
function genesisBefore(header: Header, networkId: string, set: ValidatorSet): TrustedHeader {
  const { parentHash, prevStateHash } = header;
  const nextValSetHash = validatorSetHash(set);
  const genesis = { ...header, networkId, height: 0n, timestamp_ms: 0n, stateHash: prevStateHash, nextValSetHash };
  return { header: genesis, hash: parentHash };
}
