/**
 * Bundles what each thread runs into one file: reading hundreds of modules is half of the time that a dead actor is
 * away. Compiled files go in, so that tests and threads run the same code.
 */
import { join } from 'node:path';
import { build } from 'esbuild';

/** Folders of the actors, in actors/. */
const ACTORS = [
  'host/signer',
  'host/telemetry',
  'pocket/consensus',
  'pocket/p2p',
  'pocket/persistence',
  'pocket/rpc',
  'pocket/utility',
];

/** Looks for files of its own beside itself: it has to stay where it is. */
const UNBUNDLED = ['piscina', 'msgpackr-extract'];

/** Packages in CommonJS require Node's own modules. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module';
const require = requireFrom(import.meta.url);`;

function actorEntry(folder) {
  return `import { serveActor } from './runtime/serve-actor.js';
serveActor(() => import('./actors/${folder}/index.js'));`;
}

/**
 * Writes dist/threads/: one file per actor and one for the workers of the verifying pool. It lies as deep as the modules
 * that refer to files by their own place, so that these references hold (wasm/build, verify-worker).
 */
export async function bundleThreads(dist) {
  const common = {
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: UNBUNDLED,
    banner: { js: REQUIRE },
    logLevel: 'warning',
  };
  const actors = ACTORS.map((folder) => ({
    name: folder.slice(folder.indexOf('/') + 1),
    contents: actorEntry(folder),
  }));
  const threads = [
    ...actors,
    { name: 'verify-worker', contents: `export { default } from './wasm/verify-worker.js';` },
  ];
  await Promise.all(
    threads.map(({ name, contents }) =>
      build({
        ...common,
        stdin: { contents, resolveDir: dist, sourcefile: `${name}-entry.js` },
        outfile: join(dist, 'threads', `${name}.js`),
      }),
    ),
  );
}
