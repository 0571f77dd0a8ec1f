import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CodedError, hasCode } from '../runtime/errors.ts';
import { createHome, homeLayout } from './home.ts';
import { loadConfig, parseConfig } from './load.ts';
import { configJsonSchema } from './schema.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-config-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** The error that a config.json with this content gives. */
function refusal(content: unknown): CodedError {
  try {
    parseConfig(typeof content === 'string' ? content : JSON.stringify(content));
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('configuration', () => {
  it('needs no key at all', () => {
    const config = parseConfig('{}');
    assert.equal(config.rpc.port, 50_832);
    assert.equal(config.database.url, '');
    assert.equal(config.p2p.key_file, 'keys/node.key');
  });

  it('names key, value and fix of a wrong value', () => {
    const { code, message } = refusal({ rpc: { port: 'abc' } });
    assert.equal(code, 'CONFIG_INVALID');
    assert.match(message, /rpc\.port is "abc": .*number.*TCP port of the HTTP API/);
  });

  it('refuses unknown keys and names the known ones', () => {
    assert.match(refusal({ rpc: { prot: 1 } }).message, /rpc\.prot is 1: there is no such key: .*port/);
    assert.match(refusal({ loging: {} }).message, /loging is \{\}: .*consensus/);
  });

  it('refuses values that contradict each other', () => {
    assert.match(refusal({ rpc: { port: 7 }, telemetry: { port: 7 } }).message, /telemetry\.port is 7: .*rpc\.port/);
    assert.match(refusal({ consensus: { timeout_cap_ms: 200 } }).message, /consensus\.timeout_cap_ms is 200/);
  });

  it('refuses a schema that Postgres would change', () => {
    assert.equal(refusal({ database: { schema: 'Node-1' } }).code, 'CONFIG_INVALID');
  });

  it('says that a file is not JSON', () => {
    assert.equal(refusal('{').code, 'CONFIG_UNREADABLE');
    assert.equal(refusal('[]').code, 'CONFIG_INVALID');
  });

  it('has a JSON Schema with a description for every key', () => {
    const missing: string[] = [];
    const visit = (path: string, schema: { properties?: object; description?: string }): void => {
      for (const [name, inner] of Object.entries(schema.properties ?? {})) visit(`${path}.${name}`, inner);
      if (!schema.properties && !schema.description) missing.push(path);
    };
    visit('', configJsonSchema());
    assert.deepEqual(missing, []);
  });
});

describe('home', () => {
  it('is made once, with secrets that only the owner reads', () => {
    const home = join(directory, 'home');
    const parts = { config: { rpc: { port: 1234 } }, genesis: '{}', validatorKey: '{"seed":""}' };
    const layout = createHome(home, parts);
    assert.equal(statSync(layout.validatorKey).mode & 0o777, 0o600);
    assert.equal(statSync(layout.keys).mode & 0o777, 0o700);
    assert.equal(readFileSync(layout.genesis, 'utf8'), '{}');
    assert.throws(
      () => createHome(home, parts),
      (error) => hasCode(error, 'HOME_EXISTS'),
    );
  });

  it('is loaded with absolute paths', () => {
    const config = loadConfig(join(directory, 'home'));
    assert.equal(config.rpc.port, 1234);
    assert.equal(config.genesis_file, homeLayout(join(directory, 'home')).genesis);
    assert.equal(config.rpc.address_file, '');
  });

  it('that is none is refused', () => {
    assert.throws(
      () => loadConfig(join(directory, 'absent')),
      (error) => hasCode(error, 'HOME_MISSING'),
    );
    writeFileSync(join(directory, 'config.json'), 'x');
    assert.throws(
      () => loadConfig(directory),
      (error) => hasCode(error, 'CONFIG_UNREADABLE'),
    );
  });
});
