// A component that works, in which every name that may be chosen freely is one that breaks careless JavaScript.
import { buildGuest, rebuild } from './build.ts';

const names: readonly string[] = [
  '__proto__',
  'constructor',
  'then',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'prototype',
  '__defineGetter__',
  'toJSON',
  'default',
  'length',
  'name',
  'caller',
  '',
  ' ',
  "');process.exit(7);//",
  '"];process.exit(7);//',
  '`${process.exit(7)}`',
  '\n',
  '\r\n// ',
  '\\',
  '\u0000',
  '\u2028',
  '\u202e',
  '😀',
  'await',
  'arguments',
  'Symbol.iterator',
  '@@iterator',
  '0',
  '-1',
  '__esModule',
  '../../../etc/passwd',
  '%s%n',
  'x'.repeat(10_000),
];

/** As WAT writes it between quotes. */
const quoted = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');

/** Names inside components, which must be words with dashes. */
const words: Readonly<Record<string, string>> = {
  'import-func-handle': 'then',
  'import-type-incoming-request': 'constructor',
  'import-type-response-outparam': 'prototype',
  'import-type-incoming-request0': 'to-string',
  'import-type-response-outparam0': 'value-of',
};

/** Gives each name one of the list, told apart by a number where the list is used up. */
function renamer(): (name: string) => string {
  const renamed = new Map<string, string>();
  return (name) => {
    const count = renamed.size;
    const next = names[count % names.length] ?? '';
    const result = renamed.get(name) ?? (count < names.length ? next : `${next}${count}`);
    renamed.set(name, result);
    return quoted(result);
  };
}

/** Answers as `good` does. */
export async function buildHostileNames(): Promise<Uint8Array> {
  const field = renamer();
  const from = renamer();
  return rebuild(await buildGuest('good'), (text) => {
    const at = text.indexOf('  (component $');
    const core = text
      .slice(0, at)
      .replaceAll(
        /^(    \(import )"([^"]*)" "([^"]*)"(?= \((?:func|table|memory))/gm,
        (_, start: string, module: string, name: string) => `${start}"${from(module)}" "${field(name)}"`,
      )
      .replaceAll(
        /^(    \(export )"([^"]*)"(?= \((?:func|table|memory))/gm,
        (_, start: string, name: string) => `${start}"${field(name)}"`,
      )
      .replaceAll(
        /(\(alias core export \$\S+ )"([^"]*)"/g,
        (_, start: string, name: string) => `${start}"${field(name)}"`,
      )
      .replaceAll(
        /(\(with )"([^"]*)"(?= \(instance)/g,
        (_, start: string, name: string) => `${start}"${from(name)}"`,
      );
    const inner = text
      .slice(at)
      .replaceAll(/"(import-[a-z0-9-]+)"/g, (whole, name: string) => `"${words[name] ?? whole}"`)
      .replace(/(\(instance \$(\S+-shim-instance)[\s\S]*?\n  \)\n)/, (whole, _text: string, id: string) =>
        ['constructor', 'then', 'to-string', 'proto'].reduce(
          (so, word) => `${so}  (export "${word}" (instance $${id}))\n`,
          whole,
        ),
      );
    return core + inner;
  });
}

/** A component that is `good` but for the name under which it exports its handler. */
export async function buildWithExport(name: string): Promise<Uint8Array> {
  return rebuild(await buildGuest('good'), (text) =>
    text.replace('"wasi:http/incoming-handler@0.2.12" (instance', `"${quoted(name)}" (instance`),
  );
}

/** A component that is `good` and imports one more, empty instance. */
export async function buildWithImport(name: string): Promise<Uint8Array> {
  return rebuild(await buildGuest('good'), (text) =>
    text.replace(/^\(component\n/, `(component\n  (import "${quoted(name)}" (instance))\n`),
  );
}
