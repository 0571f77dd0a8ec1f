import { linkSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One empty file with two names, in the home and beside data that lies elsewhere. However the home is renamed, the
 * second name shows whether the first is still there, and whose home it is in.
 */
const ANCHOR = 'anchor';

/** Names of the anchor where there is nothing but the one beside the data: its home was deleted. */
export const ADRIFT = 1;

/** Connects a home with the folder of its data. */
export function anchor(home: string, folder: string): void {
  if (isAnchored(home, folder)) return;
  const [own, other] = namesOf(home, folder);
  for (const path of [own, other]) rmSync(path, { force: true });
  writeFileSync(own, '');
  try {
    linkSync(own, other);
  } catch {
    // Two disks, or one without links: data without an anchor is never taken for that of a deleted home.
  }
}

/** True if the folder holds the data of this very home. */
export function isAnchored(home: string, folder: string): boolean {
  const [own, other] = namesOf(home, folder).map((path) => lstatSync(path, { throwIfNoEntry: false }));
  return own !== undefined && own.ino === other?.ino && own.dev === other.dev;
}

/** How many names the anchor in the folder has; 0 where there is none. */
export function anchorLinks(folder: string): number {
  return lstatSync(join(folder, ANCHOR), { throwIfNoEntry: false })?.nlink ?? 0;
}

function namesOf(home: string, folder: string): [string, string] {
  return [join(home, 'database', ANCHOR), join(folder, ANCHOR)];
}
