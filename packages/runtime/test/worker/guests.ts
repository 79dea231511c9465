import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { readFile, readdir } from 'node:fs/promises';

const deps = new URL('../../wit/deps/', import.meta.url);
const guests = new URL('./guests/', import.meta.url);

/** The world of the guests and every package it needs, as one text. */
async function witSource(): Promise<string> {
  const parts = [await readFile(new URL('world.wit', guests), 'utf8')];
  for (const name of await readdir(deps)) {
    const text = await readFile(new URL(`${name}/package.wit`, deps), 'utf8');
    parts.push(`${text.replace(/^(package [^;]+);/, '$1 {')}}`);
  }
  return parts.join('\n');
}

/** Makes a component of a core module in text format; `change` may say something else than the WIT does. */
export async function buildWat(
  wat: string,
  world: string,
  change: (wit: string) => string = (wit) => wit,
): Promise<Uint8Array> {
  const embedded = await componentEmbed({
    binary: await parse(wat),
    witSource: change(await witSource()),
    world,
    stringEncoding: 'utf8',
  });
  return componentNew(embedded, []);
}

const built = new Map<string, Promise<Uint8Array>>();

/** Builds `guests/<name>.wat` for the world of the same name, once. */
export function buildGuest(name: 'many' | 'identity'): Promise<Uint8Array> {
  let bytes = built.get(name);
  if (bytes === undefined) {
    bytes = readFile(new URL(`${name}.wat`, guests), 'utf8').then((wat) => buildWat(wat, name));
    built.set(name, bytes);
  }
  return bytes;
}
