import { initial } from './001-initial.ts';
import { validators } from './002-validators.ts';
import { snapshots } from './003-snapshots.ts';
import type { Migration } from './migration.ts';

/** All steps in order. Add at the end; never change one that was released. */
export const MIGRATIONS: readonly Migration[] = [initial, validators, snapshots];
