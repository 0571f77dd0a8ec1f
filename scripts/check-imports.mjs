/** Runs dependency-cruiser and fails as well if it saw no modules: a gate that looks at nothing stays green. */
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import configuration from '../.dependency-cruiser.mjs';

const FOLDERS = ['actors', 'runtime', 'net', 'wasm', 'config', 'cli', 'bench', 'test', 'docs'];
/** Fewer than this means that the cruiser did not understand the sources. */
const LEAST_MODULES = 80;

const { output } = await cruise(
  FOLDERS,
  { ...configuration.options, ruleSet: { forbidden: configuration.forbidden }, validate: true },
  undefined,
  { tsConfig: extractTSConfig('tsconfig.json') },
);
const { violations, totalCruised } = output.summary;
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
if (totalCruised < LEAST_MODULES) {
  console.error(`only ${totalCruised} modules were seen: the import rules were not checked`);
  process.exit(1);
}
console.error(`import rules: ${totalCruised} modules, ${violations.length} violations`);
process.exit(violations.length > 0 ? 1 : 0);
