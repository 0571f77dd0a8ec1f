import { readFileSync } from 'node:fs';
import { type HomeLayout, writeConfig } from '../../config/home.ts';
import type { NodeConfigInput } from '../../config/schema.ts';

/** Replaces the configuration of a home by what `change` makes of it. */
export function editConfig(home: HomeLayout, change: (config: NodeConfigInput) => NodeConfigInput): void {
  writeConfig(home, change(JSON.parse(readFileSync(home.config, 'utf8')) as NodeConfigInput));
}
