/**
 * The light client as a library, `potoroo/light-client`: what follows a chain by its headers and checks proofs of its
 * state, without a node. See docs/develop/light-client.md.
 */

export { CodedError, hasCode } from '../../../runtime/errors.ts';
export { blockHash, decodeHeader, type Header } from './block.ts';
export { type Genesis, genesisValidators, parseGenesis } from './genesis.ts';
export { fromHex, toHex } from './hex.ts';
export { type TrustedHeader, trustHeader, verifyDecided, verifyHeader } from './light-client.ts';
export {
  type Proven,
  type StateProof,
  type Trust,
  trustGenesis,
  type Voter,
  verifyStateProof,
} from './state-proof.ts';
export { parseStateProof, type StateProofJson } from './state-proof-json.ts';
export type { Param, StateValue } from './state-values.ts';
export { type Validator, type ValidatorSet, validatorSet, validatorSetHash } from './validators.ts';
