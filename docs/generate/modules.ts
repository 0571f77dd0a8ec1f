import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A compiled module of the node and what it exports. */
export interface FoundModule {
  /** Folder relative to the root, e.g. `actors/pocket/rpc`. */
  readonly folder: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Folders of the product's code. */
const SOURCES = ['runtime', 'net', 'wasm', 'config', 'actors', 'cli', 'bench'];

/** Imports every module whose file name matches, in the order of their paths. */
export async function findModules(built: string, name: RegExp): Promise<FoundModule[]> {
  const files = SOURCES.flatMap((source) => filesUnder(join(built, source))).filter((file) =>
    name.test(file.slice(file.lastIndexOf('/') + 1)),
  );
  const found: FoundModule[] = [];
  for (const file of files.sort()) {
    const exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    found.push({ folder: relative(built, join(file, '..')), exports });
  }
  return found;
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((file) => join(folder, file).replaceAll('\\', '/'))
      .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'));
  } catch {
    // Not every source folder has to be built.
    return [];
  }
}

/** Text of a Markdown table; cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** Heads every generated page. */
export const GENERATED = '<!-- Generated from the code by `npm run docs`. Do not edit. -->\n';
