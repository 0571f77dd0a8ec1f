import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes a file that a reader sees complete or not at all. */
export function writeWhole(path: string, text: string, mode = 0o644): void {
  const fresh = `${path}.${process.pid}.new`;
  try {
    writeFileSync(fresh, text, { mode });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
