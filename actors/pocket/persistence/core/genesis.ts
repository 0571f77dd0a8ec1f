import { sha256 } from '../../../../wasm/hash.ts';
import type { Actor } from '../../chain/actor.ts';
import { BLOCK_VERSION, blockHash, bodyRoot, type Header } from '../../chain/block.ts';
import { type Genesis, genesisJson, genesisValidators } from '../../chain/genesis.ts';
import { validatorSetHash } from '../../chain/validators.ts';
import { accountEntries, actorEntries, paramEntries } from './entries.ts';
import { StateTries } from './tries.ts';

/** Block 0 and the state that it stands for. */
export interface GenesisBlock {
  readonly header: Header;
  readonly hash: Uint8Array;
  /** The canonical file: what the hash in `parentHash` is of. */
  readonly json: string;
  readonly tries: StateTries;
}

/**
 * Block 0 has no proposer, no QC and no transactions. Its parent hash is the SHA-256 of the canonical genesis
 * file: every block hash is bound to all of it, intervals and limits included.
 */
export function genesisBlock(genesis: Genesis): GenesisBlock {
  const json = genesisJson(genesis);
  const tries = genesisTries(genesis);
  const validators = validatorSetHash(genesisValidators(genesis));
  const none = new Uint8Array();
  const header: Header = {
    height: 0n,
    networkId: genesis.networkId,
    stateHash: tries.stateHash,
    prevStateHash: none,
    proposerAddress: none,
    quorumCertificate: none,
    timestamp_ms: genesis.genesisTime_ms,
    stateTreeHashes: tries.treeHashes,
    valSetHash: validators,
    nextValSetHash: validators,
    version: BLOCK_VERSION,
    parentHash: sha256(new TextEncoder().encode(json)),
    bodyRoot: bodyRoot([]),
  };
  return { header, hash: blockHash(header), json, tries };
}

export function genesisActors(genesis: Genesis): Actor[] {
  return [...genesis.applications, ...genesis.servicers, ...genesis.fishermen, ...genesis.validators];
}

function genesisTries(genesis: Genesis): StateTries {
  return StateTries.empty().update({
    account: accountEntries(genesis.accounts),
    pool: accountEntries(genesis.pools),
    params: paramEntries([...genesis.params].map(([name, value]) => ({ name, value, height: 0n }))),
    ...actorEntries({ actors: genesisActors(genesis), removedActors: [] }),
  });
}
