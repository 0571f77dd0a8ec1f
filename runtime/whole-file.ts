import { renameSync, writeFileSync } from 'node:fs';

/** Writes a file that a reader sees complete or not at all. */
export function writeWhole(path: string, text: string, mode = 0o644): void {
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, text, { mode });
  renameSync(fresh, path);
}
