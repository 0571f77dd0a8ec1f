/** Checks files of vectors: `npm run test:vectors -- FILE…`. Ends with `N passed, N failed`. */
import { checkFile } from './check-file.ts';
import { Tally } from './tally.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: npm run test:vectors -- FILE…');
  process.exit(2);
}

const tally = new Tally();
for (const file of files) checkFile(file, tally);
for (const failure of tally.failures) console.error(failure);
console.log(`${tally.passed} passed, ${tally.failures.length} failed`);
process.exit(tally.failures.length > 0 ? 1 : 0);
