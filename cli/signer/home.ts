import { readFileSync } from 'node:fs';
import type { RecordOwner } from '../../actors/host/signer/core/record.ts';
import { type Genesis, parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { fromHex } from '../../actors/pocket/chain/hex.ts';
import { readKeyInfo } from '../../config/keystore.ts';
import { loadConfig } from '../../config/load.ts';
import type { NodeConfig } from '../../config/schema.ts';
import { CodedError } from '../../runtime/errors.ts';
import { type HomeFlags, homeOf } from '../places.ts';

/** The home of a signer, of a node or on its own, as the commands need it. */
export interface SignerHome {
  readonly config: NodeConfig;
  readonly genesis: Genesis;
}

/** @throws USAGE, HOME_MISSING, CONFIG_INVALID, GENESIS_* and what else is wrong with the home */
export function signerHome(flags: HomeFlags): SignerHome {
  const config = loadConfig(homeOf(flags).home);
  return { config, genesis: parseGenesis(readFileSync(config.genesis_file, 'utf8')) };
}

/**
 * Whose record the home holds; no password is needed.
 * @throws SIGNER_ELSEWHERE where the node has a remote signer, KEY_FILE_*
 */
export async function recordOwner({ config, genesis }: SignerHome): Promise<RecordOwner> {
  const { remote, key_file } = config.signer;
  if (remote !== '') {
    throw new CodedError(
      'SIGNER_ELSEWHERE',
      `this node's signer is another process, at ${remote}: run the command there, with the home that \`potoroo signer serve\` is run on`,
      { remote },
    );
  }
  const { address } = await readKeyInfo(key_file);
  return { address: fromHex(address), networkId: genesis.networkId };
}
