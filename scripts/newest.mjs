import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Folders of what is made from the rest. */
const MADE = ['node_modules', 'build', 'results'];

/** When a file, or the newest file in a folder, was modified; 0 where there is none. */
export function newest_ms(path) {
  if (!existsSync(path)) return 0;
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  let newest = status.mtimeMs;
  for (const entry of readdirSync(path)) {
    if (!MADE.includes(entry)) newest = Math.max(newest, newest_ms(join(path, entry)));
  }
  return newest;
}
