import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { CodedError, hasCode, toErrorRecord } from '../runtime/errors.ts';
import { homeLayout } from './home.ts';
import { configJsonSchema, type NodeConfig, nodeConfigSchema } from './schema.ts';

/**
 * Reads and checks the configuration of a home. Paths in the result are absolute.
 * @throws HOME_MISSING, CONFIG_UNREADABLE, CONFIG_INVALID
 */
export function loadConfig(home: string): NodeConfig {
  const layout = homeLayout(home);
  let text: string;
  try {
    text = readFileSync(layout.config, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      throw new CodedError(
        'HOME_MISSING',
        `${layout.home} has no config.json: give the home of a node, for example one that \`potoroo localnet\` made`,
        { home: layout.home },
      );
    }
    throw unreadable(layout.config, error);
  }
  return absolutePaths(parseConfig(text, layout.config), layout.home);
}

/** Checks the text of a config.json; `name` is how messages call the file. @throws CONFIG_UNREADABLE, CONFIG_INVALID */
export function parseConfig(text: string, name = 'config.json'): NodeConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw unreadable(name, error);
  }
  const result = nodeConfigSchema.safeParse(json);
  if (result.success) return result.data;
  throw invalid(name, json, result.error.issues[0]!);
}

function absolutePaths(config: NodeConfig, home: string): NodeConfig {
  const at = (path: string): string => (path === '' ? '' : resolve(home, path));
  return {
    ...config,
    genesis_file: at(config.genesis_file),
    log: { ...config.log, file: at(config.log.file) },
    signer: {
      ...config.signer,
      key_file: at(config.signer.key_file),
      record_file: at(config.signer.record_file),
      remote_key_file: at(config.signer.remote_key_file),
    },
    p2p: { ...config.p2p, key_file: at(config.p2p.key_file) },
    consensus: { ...config.consensus, journal_file: at(config.consensus.journal_file) },
    rpc: { ...config.rpc, address_file: at(config.rpc.address_file) },
    telemetry: { ...config.telemetry, address_file: at(config.telemetry.address_file) },
  };
}

function unreadable(name: string, error: unknown): CodedError {
  return new CodedError('CONFIG_UNREADABLE', `${name}: ${toErrorRecord(error).message}`, { file: name });
}

/** Names the key, its value, and what to write instead: the schema's description is the best advice there is. */
function invalid(name: string, json: unknown, issue: z.core.$ZodIssue): CodedError {
  const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0]! : null;
  const path = unknownKey === null ? issue.path : [...issue.path, unknownKey];
  const key = path.map(String).join('.') || '(file)';
  const shown = (JSON.stringify(valueAt(json, path)) ?? 'missing').slice(0, 200);
  const described = schemaAt(issue.path);
  const fix =
    unknownKey === null
      ? [issue.message, described?.description].filter(Boolean).join('. ')
      : `there is no such key: remove it, or write one of ${Object.keys(described?.properties ?? {}).join(', ')}`;
  return new CodedError('CONFIG_INVALID', `${name}: ${key} is ${shown}: ${fix}`, {
    file: name,
    key,
    value: shown,
    fix,
  });
}

interface Described {
  description?: string;
  properties?: Record<string, Described>;
}

function schemaAt(path: readonly PropertyKey[]): Described | undefined {
  let schema: Described | undefined = configJsonSchema();
  for (const step of path) schema = schema?.properties?.[String(step)];
  return schema;
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
