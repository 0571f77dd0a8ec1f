/**
 * JSON with exact integers: a bigint is written as a JSON integer of any length. JSON.stringify refuses bigint,
 * and a replacer can only write it as a string. Undefined members are left out, as JSON.stringify does.
 */
export function toJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) return objectJson(value);
  return JSON.stringify(value) ?? 'null';
}

function objectJson(value: object): string {
  const parts: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) parts.push(`${JSON.stringify(key)}:${toJson(member)}`);
  }
  return `{${parts.join(',')}}`;
}
