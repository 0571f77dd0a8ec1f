import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { hasCode } from '../../../../runtime/errors.ts';
import { preparePlace, recordPlace } from './place.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'potoroo-place-')));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('a damaged record of the database', () => {
  const home = join(folder, 'home');
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => lines.push(line) });
  const prepare = () => preparePlace(home, undefined, join(folder, 'state'), log);
  const damage = () => writeFileSync(join(home, 'database', 'place.json'), '{"version":');

  it('is written anew where the database is found without it, and the log says so', () => {
    mkdirSync(home);
    const place = prepare();
    mkdirSync(place.data);
    recordPlace(place, { url: '', binaries: '' });
    damage();
    assert.deepEqual(prepare(), place);
    assert.match(lines.join(), /damaged/);
  });

  it('is refused where it is not: an empty database would look like a loss', () => {
    rmSync(prepare().data, { recursive: true });
    damage();
    assert.throws(prepare, (error) => hasCode(error, 'EMBEDDED_PLACE') && /place\.json is damaged/.test(String(error)));
  });
});
