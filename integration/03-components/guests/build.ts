// Makes the guests from their sources, each once per process.
import { componentEmbed, componentNew, parse, print } from '@bytecodealliance/jco';
import { readFile, readdir } from 'node:fs/promises';

const here = new URL('./', import.meta.url);
const sharedWit = new URL('../../../packages/runtime/wit/deps/', import.meta.url);

const read = (url: URL): Promise<string> => readFile(url, 'utf8');

/** The worlds and every package they need, as one WIT text. */
async function witSource(): Promise<string> {
  const urls = (await readdir(sharedWit)).map((name) => new URL(`${name}/package.wit`, sharedWit));
  const packages = await Promise.all([new URL('keyvalue.wit', here), ...urls].map(read));
  return [
    await read(new URL('world.wit', here)),
    ...packages.map((text) => text.replace(/^(package [^;]+);/, '$1 {') + '}'),
  ].join('\n');
}

/** WAT wants all imports first; those of a guest stand in its own file. */
async function moduleText(name: string): Promise<string> {
  const text = await read(new URL(`${name}.wat`, here));
  if (text.includes('(module')) return text;
  const lines = text.split('\n');
  const isImport = (line: string): boolean => line.startsWith('(import ');
  const prelude = await read(new URL('prelude.wat', here));
  return `(module\n${[...lines.filter(isImport), prelude, ...lines.filter((line) => !isImport(line))].join('\n')})`;
}

const worlds: Readonly<Record<string, string>> = {
  identity: 'identity',
  keyvalue: 'keyvalue',
  'no-handler': 'no-handler',
};
const built = new Map<string, Promise<Uint8Array>>();

/** The component made of `<name>.wat`. `change` edits the text of the core module first. */
export function buildGuest(name: string): Promise<Uint8Array> {
  let bytes = built.get(name);
  if (bytes === undefined) {
    bytes = moduleText(name).then((text) => buildModule(text, worlds[name] ?? 'handler'));
    built.set(name, bytes);
  }
  return bytes;
}

/** The component made of the text of a core module. */
export async function buildModule(text: string, world = 'handler'): Promise<Uint8Array> {
  const embedded = await componentEmbed({
    binary: await parse(text),
    witSource: await witSource(),
    world,
    stringEncoding: 'utf8',
  });
  return componentNew(embedded, []);
}

/** The component that a component's own text, once edited, describes; nobody checks that it is a valid one. */
export async function rebuild(bytes: Uint8Array, edit: (text: string) => string): Promise<Uint8Array> {
  return parse(edit(await print(bytes)));
}

export { parse };
