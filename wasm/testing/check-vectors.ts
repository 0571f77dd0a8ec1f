/** Checks files of vectors on every build: `npm run test:vectors -- FILE…`. Ends with `N passed, N failed`. */
import { vectorBuild } from '../kernel.ts';
import { Tally } from './tally.ts';
import { checkTrieVectors, readVectors, type TrieVectors } from './trie-vectors.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: npm run test:vectors -- FILE…');
  process.exit(2);
}

function isTrieVectors(content: unknown): content is TrieVectors {
  return typeof content === 'object' && content !== null && Array.isArray((content as TrieVectors).sequences);
}

const tally = new Tally();
for (const file of files) {
  tally.check('file', file, () => {
    const content = readVectors(file);
    if (!isTrieVectors(content)) throw new Error('not a file of trie vectors: it has no `sequences`');
    for (const build of new Set(['plain', vectorBuild()] as const)) checkTrieVectors(content, build, tally);
  });
}
for (const failure of tally.failures) console.error(failure);
console.log(`${tally.passed} passed, ${tally.failures.length} failed`);
process.exit(tally.failures.length > 0 ? 1 : 0);
