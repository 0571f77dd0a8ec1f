import { vectorBuild } from '../../wasm/kernel.ts';
import { readVectors } from './read.ts';
import { checkRelayMiningVectors, isRelayMiningVectors } from './relay-mining-vectors.ts';
import type { Tally } from './tally.ts';
import { checkTrieVectors, isTrieVectors } from './trie-vectors.ts';

/** Checks all vectors of a file, on every build of the kernels that they are about. */
export function checkFile(file: string | URL, tally: Tally): void {
  tally.check('file', String(file), () => {
    const content = readVectors(file);
    const builds = new Set(['plain', vectorBuild()] as const);
    if (isTrieVectors(content)) for (const build of builds) checkTrieVectors(content, build, tally);
    else if (isRelayMiningVectors(content)) for (const build of builds) checkRelayMiningVectors(content, build, tally);
    else throw new Error('neither vectors of tries nor of relay mining');
  });
}
