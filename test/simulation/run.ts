/** `npm run sim`: see --help, and docs/develop/simulation.md. */
import { help, type Order, parseOrder, scenarioOf, UsageError } from './args.ts';
import { runAll } from './jobs.ts';
import { asJson, inWords, isSafety, story, verdict } from './report.ts';
import { failureOf, shrink } from './shrink.ts';

try {
  const order = parseOrder(process.argv.slice(2));
  if (order) process.exitCode = await run(order);
  else process.stdout.write(help());
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\nSee npm run sim -- --help.`);
  process.exitCode = 2;
}

/** @returns the exit code */
async function run(order: Order): Promise<number> {
  const began_ms = performance.now();
  const tally = await runAll(order, (failure) => order.rules !== null && isSafety(failure));
  const seconds = (performance.now() - began_ms) / 1_000;
  console.log(order.json ? asJson(tally, seconds) : inWords(tally, seconds));
  if (order.rules !== null) {
    const caught = tally.failures.find(isSafety);
    console.error(verdict(order.rules, caught, tally.seeds));
    return caught ? 0 : 1;
  }
  const [first] = tally.failures;
  if (!first) return 0;
  const seeds = tally.failures.map(({ seed }) => seed);
  console.error(`violated at ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.slice(0, 20).join(', ')}`);
  console.error(story(shrink(failureOf(scenarioOf(order, first.seed)))));
  return 1;
}
