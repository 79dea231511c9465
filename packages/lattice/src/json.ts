import { LatticeError } from './errors.ts';

/** Any JSON value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

/** A checked look at one decoded JSON object: every getter throws ERR_MESSAGE_MALFORMED naming the field. */
export class JsonReader {
  readonly #what: string;
  readonly #object: JsonObject;

  constructor(what: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw malformed(what, 'it is not an object');
    this.#what = what;
    this.#object = value as JsonObject;
  }

  /** Decodes UTF-8 JSON. Throws ERR_MESSAGE_MALFORMED when it is not a JSON object. */
  static decode(what: string, bytes: Uint8Array | string): JsonReader {
    return new JsonReader(what, decodeJson(what, bytes));
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#object, key) && this.#object[key] !== null;
  }

  value(key: string): JsonValue | undefined {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  string(key: string, fallback?: string): string {
    const value = this.value(key);
    if (typeof value === 'string') return value;
    if (value === undefined && fallback !== undefined) return fallback;
    throw malformed(this.#what, `"${key}" is not a string`);
  }

  boolean(key: string, fallback?: boolean): boolean {
    const value = this.value(key);
    if (typeof value === 'boolean') return value;
    if (value === undefined && fallback !== undefined) return fallback;
    throw malformed(this.#what, `"${key}" is not a boolean`);
  }

  /** An integer from `min` (default 0) to `max` (default 2^53 - 1). */
  integer(key: string, options: { fallback?: number; min?: number; max?: number } = {}): number {
    const value = this.value(key);
    const { fallback, min = 0, max = Number.MAX_SAFE_INTEGER } = options;
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max)
      return value;
    throw malformed(this.#what, `"${key}" is not an integer from ${min} to ${max}`);
  }

  strings(key: string, fallback?: readonly string[]): readonly string[] {
    const value = this.value(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw malformed(this.#what, `"${key}" is not a list of strings`);
  }

  object(key: string): JsonObject {
    const value = this.value(key);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
    throw malformed(this.#what, `"${key}" is not an object`);
  }

  objects(key: string, fallback?: readonly JsonReader[]): readonly JsonReader[] {
    const value = this.value(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (!Array.isArray(value)) throw malformed(this.#what, `"${key}" is not a list`);
    return value.map((item) => new JsonReader(`${this.#what} ${key}`, item));
  }

  stringMap(key: string, fallback?: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const value = this.value(key);
    if (value === undefined && fallback !== undefined) return fallback;
    return parseStringMap(`${this.#what} ${key}`, value);
  }
}

/** Decodes UTF-8 JSON. Throws ERR_MESSAGE_MALFORMED; the text itself never stands in the message. */
export function decodeJson(what: string, bytes: Uint8Array | string): JsonValue {
  try {
    const text = typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return JSON.parse(text) as JsonValue;
  } catch {
    // The parser's own message quotes the input, which may hold a secret: it is not kept as cause.
    throw malformed(what, 'it is not UTF-8 JSON');
  }
}

/** A map of strings with a null prototype, so that no key can reach `Object.prototype`. */
export function parseStringMap(what: string, value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(what, 'it is not an object');
  const map = Object.create(null) as Record<string, string>;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') throw malformed(what, `"${key}" is not a string`);
    map[key] = item;
  }
  return map;
}

function malformed(what: string, why: string): LatticeError {
  return new LatticeError('ERR_MESSAGE_MALFORMED', `Cannot parse ${what}: ${why}`);
}

/** JSON text with keys sorted by code unit at every level and no white space; equal values give equal text. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const object = value as JsonObject;
    const members = Object.keys(object)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}
