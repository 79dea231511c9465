import { isAscii } from 'node:buffer';

import { SpiffeError } from '../errors.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const MAX_DEPTH = 32;
const MAX_MEMBERS = 10_000;
const MAX_VALUES = 20_000;
// Shorter text cannot take much memory, whatever is in it.
const MAX_UNCHECKED_LENGTH = 65_536;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Parses JSON in which no object names a member twice, in whatever spelling: where two readers could see two values, none
 * is taken. Nesting and the number of members are bounded. Throws SpiffeError `ERR_JSON_...`.
 */
export function parseStrictJson(text: string): unknown {
  if (text.length > MAX_UNCHECKED_LENGTH) {
    checkSize(text);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's message quotes the text, which may be part of a token.
    throw new SpiffeError('ERR_JSON_MALFORMED', 'Cannot parse JSON: the text is malformed');
  }
  checkMembers(text);
  return value;
}

/** Decodes UTF-8 and parses it as {@link parseStrictJson}. */
export function parseStrictJsonBytes(bytes: Uint8Array): unknown {
  return parseStrictJson(decodeUtf8(bytes));
}

/** Decodes UTF-8. Throws SpiffeError `ERR_JSON_MALFORMED` where it is not. */
export function decodeUtf8(bytes: Uint8Array): string {
  if (isAscii(bytes)) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new SpiffeError('ERR_JSON_MALFORMED', 'Cannot parse JSON: the text is not UTF-8');
  }
}

/** Says whether a parsed value is an object, and not an array or null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Bounds values and nesting of a long text before anything is made of it: an empty object takes twenty times its text.
 * The text may be anything.
 */
function checkSize(text: string): void {
  let values = 0;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = findStringEnd(text, index);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        values += 1;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      case COMMA:
        values += 1;
        break;
      default:
    }
    if (depth > MAX_DEPTH || values > MAX_VALUES) {
      throw new SpiffeError(
        'ERR_JSON_MALFORMED',
        `Cannot parse JSON: it must have at most ${MAX_VALUES} values and nest at most ${MAX_DEPTH} deep`,
      );
    }
  }
}

/** Looks for repeated members in a text that JSON.parse has accepted, so only its structure needs to be followed. */
function checkMembers(text: string): void {
  // One entry per open container: the names seen so far, or undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let isNameNext = false;
  let members = 0;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case QUOTE: {
        const end = findStringEnd(text, index);
        if (isNameNext && names !== undefined) {
          const raw = text.slice(index + 1, end);
          const name = raw.includes('\\') ? (JSON.parse(text.slice(index, end + 1)) as string) : raw;
          members += 1;
          if (names.has(name)) {
            throw new SpiffeError(
              'ERR_JSON_DUPLICATE_MEMBER',
              'Cannot parse JSON: an object names a member twice',
            );
          }
          if (members > MAX_MEMBERS) {
            throw new SpiffeError(
              'ERR_JSON_MALFORMED',
              `Cannot parse JSON: it must have at most ${MAX_MEMBERS} members`,
            );
          }
          names.add(name);
          isNameNext = false;
        }
        index = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (open.length >= MAX_DEPTH) {
          throw new SpiffeError(
            'ERR_JSON_MALFORMED',
            `Cannot parse JSON: it must nest at most ${MAX_DEPTH} deep`,
          );
        }
        isNameNext = text.charCodeAt(index) === OPEN_BRACE;
        names = isNameNext ? new Set() : undefined;
        open.push(names);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        names = open.at(-1);
        isNameNext = false;
        break;
      case COMMA:
        isNameNext = names !== undefined;
        break;
      default:
    }
  }
}

function findStringEnd(text: string, start: number): number {
  let index = start + 1;
  for (; index < text.length && text.charCodeAt(index) !== QUOTE; index += 1) {
    if (text.charCodeAt(index) === BACKSLASH) {
      index += 1;
    }
  }
  return index;
}
