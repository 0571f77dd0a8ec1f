import { findModules, GENERATED, table } from './modules.ts';

/** Every error code, by the module that declares it in an exported *_ERRORS. */
export async function errorsReference(built: string): Promise<string> {
  const sections: string[] = [];
  for (const { folder, exports } of await findModules(built, /errors\.js$/)) {
    for (const [name, codes] of Object.entries(exports)) {
      if (!name.endsWith('_ERRORS')) continue;
      const rows = Object.entries(codes as Record<string, string>).map(([code, text]) => [`\`${code}\``, text]);
      sections.push(`## ${folder}\n\n${table(['code', 'meaning'], rows)}\n`);
    }
  }
  return `${GENERATED}# Error codes

Codes are stable: scripts may depend on them, messages may change. An error reaches an operator or a client as its code,
a message that says what to do, and data.

${sections.join('\n')}`;
}
