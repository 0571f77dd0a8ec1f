import { program } from './program.ts';
import { report } from './terminal.ts';

/** The entry of the `potoroo` command. */
const potoroo = program();
try {
  await potoroo.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
// A command that is over must end even if something it gave up on, a request or a timer, is still open.
process.exit();
