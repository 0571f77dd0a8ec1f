import { configJsonSchema } from '../../config/schema.ts';
import { GENERATED, table } from './modules.ts';

const HEAD = ['key', 'type', 'default', 'meaning'];

type JsonSchema = {
  type?: string;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
};

/** Every configuration key, from the schema that checks the file. */
export async function configReference(): Promise<string> {
  const schema = nodeSchema();
  const sections: string[] = [];
  const single: string[][] = [];
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    if (part.properties === undefined) single.push(row(name, part));
    else sections.push(`## ${name}\n\n${table(HEAD, keys(part, name))}\n`);
  }
  return `${GENERATED}# Configuration

Unknown keys are refused; every key has a default.

${table(HEAD, single)}

${sections.join('\n')}`;
}

/** JSON Schema of the configuration file, for editors. */
export async function configSchemaReference(): Promise<string> {
  return `${JSON.stringify(nodeSchema(), null, 2)}\n`;
}

function nodeSchema(): JsonSchema {
  return configJsonSchema() as JsonSchema;
}

function keys(schema: JsonSchema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const key = `${path}.${name}`;
    if (part.properties !== undefined) return keys(part, key);
    return [row(key, part)];
  });
}

function row(key: string, part: JsonSchema): string[] {
  const standard = part.default === undefined ? '' : `\`${JSON.stringify(part.default)}\``;
  return [`\`${key}\``, typeText(part), standard, part.description ?? ''];
}

function typeText(part: JsonSchema): string {
  if (part.const !== undefined) return JSON.stringify(part.const);
  if (part.enum !== undefined) return part.enum.map((one) => JSON.stringify(one)).join(', ');
  if (part.type === 'array') return `list of ${typeText(part.items ?? {})}`;
  const { minimum, maximum } = part;
  const from = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? '' : `from ${minimum}`;
  const to = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : `to ${maximum}`;
  return [part.type ?? 'any', from, to].filter((word) => word !== '').join(' ');
}
