import { z } from 'zod';
import { findModules, GENERATED, table } from './modules.ts';

type JsonSchema = {
  type?: string;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  enum?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
};

/** Every configuration key, by the section that its module declares as an exported `…ConfigSchema`. */
export async function configReference(built: string): Promise<string> {
  const sections: string[] = [];
  for (const { folder, exports } of await findModules(built, /config\.js$/)) {
    for (const [name, schema] of Object.entries(exports)) {
      if (!name.endsWith('ConfigSchema') || !(schema instanceof z.ZodType)) continue;
      const section = name.slice(0, -'ConfigSchema'.length);
      const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
      const rows = keys(json, section);
      sections.push(`## ${section}\n\nOf \`${folder}\`.\n\n${table(['key', 'type', 'default', 'meaning'], rows)}\n`);
    }
  }
  return `${GENERATED}# Configuration

Unknown keys are refused. A key without a default must be given or is filled in by the node.

${sections.join('\n')}`;
}

function keys(schema: JsonSchema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const key = `${path}.${name}`;
    if (part.properties !== undefined) return keys(part, key);
    const standard = part.default === undefined ? '' : `\`${JSON.stringify(part.default)}\``;
    return [[`\`${key}\``, typeText(part), standard, part.description ?? '']];
  });
}

function typeText(part: JsonSchema): string {
  if (part.enum !== undefined) return part.enum.map((one) => JSON.stringify(one)).join(', ');
  if (part.type === 'array') return `list of ${typeText(part.items ?? {})}`;
  const { minimum, maximum } = part;
  const from = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? '' : `from ${minimum}`;
  const to = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : `to ${maximum}`;
  return [part.type ?? 'any', from, to].filter((word) => word !== '').join(' ');
}
