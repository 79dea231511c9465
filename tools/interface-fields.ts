// The fields of an interface with their comments, read from the source: what the compiler checks the code against is what
// the documents say.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source.ts';

export interface InterfaceField {
  readonly name: string;
  readonly type: string;
  readonly isOptional: boolean;
  readonly comment: string;
}

const member =
  /^ {2}(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?(?:readonly )?(\w+)(\??): ((?:\{[^{}]*\}|[^;{}])+);$/gm;

/** Throws when the file has no such interface, or a field has no comment. */
export function interfaceFields(path: string, name: string): readonly InterfaceField[] {
  return fieldsOf(readFileSync(join(root, path), 'utf8'), name);
}

/** As `interfaceFields`, for a text. */
export function fieldsOf(source: string, name: string): readonly InterfaceField[] {
  const body = new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(source)?.[1];
  if (body === undefined) throw new Error(`there is no interface ${name}`);
  return [...body.matchAll(member)].map(([, comment, field = '', mark, type = '']) => {
    if (comment === undefined) throw new Error(`the field ${name}.${field} has no comment`);
    return {
      name: field,
      type: type
        .replaceAll(/readonly |Readonly<(?=Record)| \| undefined/g, '')
        .replaceAll('>>', '>')
        .replaceAll(/\s+/g, ' '),
      isOptional: mark === '?',
      comment: comment
        .replaceAll(/^\s*\* ?/gm, '')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    };
  });
}
