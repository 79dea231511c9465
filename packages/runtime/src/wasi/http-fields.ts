import { ResultError, Trap } from '../errors.ts';
import { latin1Of } from './latin1.ts';

/** `header-error` of `wasi:http/types`. */
type HeaderError = { tag: 'invalid-syntax' } | { tag: 'forbidden' } | { tag: 'immutable' };

const headerError = (tag: HeaderError['tag']): ResultError => new ResultError({ tag } satisfies HeaderError);

/** Bounds on one `fields`; going past them is a trap. */
export const maxFields = 512;
export const maxFieldBytes = 65_536;

/** Fields that belong to the connection and not to the component: neither readable nor settable. */
const forbiddenNames: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export const isForbiddenName = (lowerName: string): boolean => forbiddenNames.has(lowerName);

const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function parseName(name: string): string {
  if (!namePattern.test(name)) throw headerError('invalid-syntax');
  const lower = name.toLowerCase();
  if (forbiddenNames.has(lower)) throw headerError('forbidden');
  return lower;
}

/** Field values are any octets but control characters (RFC 9110, 5.5), without spaces at the ends. */
function checkValue(value: Uint8Array): void {
  for (const byte of value)
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) throw headerError('invalid-syntax');
  const first = value[0];
  const last = value[value.length - 1];
  if (first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09) throw headerError('invalid-syntax');
}

/** Arrays up to this size lie on the heap. */
const heapBytes = 64;

/** Values come in as latin1 text from the server, and as bytes from the guest. */
type Value = string | Uint8Array;

const toBytes = (value: Value): Uint8Array =>
  typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'latin1')) : value;

const toText = (value: Value): string => (typeof value === 'string' ? value : latin1Of(value));

class Store {
  readonly names: string[] = [];
  readonly values: Value[] = [];
  bytes = 0;
}

/** `wasi:http/types.fields`; names compare without case and are kept in lower case. */
export class Fields {
  #store = new Store();
  #isImmutable = false;

  static fromList(entries: readonly (readonly [string, Uint8Array])[]): Fields {
    const fields = new Fields();
    for (const [name, value] of entries) fields.append(name, value);
    return fields;
  }

  /** Immutable fields from what the server received: names and values in turn. Connection fields are left out. */
  static fromWire(flat: readonly string[]): Fields {
    const fields = new Fields();
    const store = fields.#store;
    for (let index = 0; index + 1 < flat.length; index += 2) {
      const name = (flat[index] ?? '').toLowerCase();
      if (forbiddenNames.has(name)) continue;
      store.names.push(name);
      store.values.push(flat[index + 1] ?? '');
      store.bytes += name.length + (flat[index + 1] ?? '').length;
    }
    fields.#isImmutable = true;
    return fields;
  }

  /** Names and latin1 values in turn. */
  static toWire(fields: Fields): string[] {
    const { names, values } = fields.#store;
    const flat: string[] = [];
    for (const [index, name] of names.entries()) flat.push(name, toText(values[index] ?? ''));
    return flat;
  }

  /** The same fields, which from now on nobody can change. */
  static freeze(fields: Fields): Fields {
    fields.#isImmutable = true;
    return fields;
  }

  /** Another object over the same immutable fields: what a `headers` method hands out. */
  static view(fields: Fields): Fields {
    const view = new Fields();
    view.#store = fields.#store;
    view.#isImmutable = true;
    return view;
  }

  /** The single value of a field as text; undefined when absent, null when there is more than one. */
  static single(fields: Fields, lowerName: string): string | undefined | null {
    const { names, values } = fields.#store;
    const index = names.indexOf(lowerName);
    if (index === -1) return undefined;
    return names.includes(lowerName, index + 1) ? null : toText(values[index] ?? '');
  }

  get(name: string): Uint8Array[] {
    const lower = name.toLowerCase();
    const { names, values } = this.#store;
    const found: Uint8Array[] = [];
    for (const [index, each] of names.entries()) if (each === lower) found.push(toBytes(values[index] ?? ''));
    return found;
  }

  has(name: string): boolean {
    return this.#store.names.includes(name.toLowerCase());
  }

  set(name: string, values: readonly Uint8Array[]): void {
    const lower = this.#checkChange(name);
    for (const value of values) checkValue(value);
    this.#remove(lower);
    for (const value of values) this.#add(lower, value);
  }

  delete(name: string): void {
    this.#remove(this.#checkChange(name));
  }

  append(name: string, value: Uint8Array): void {
    const lower = this.#checkChange(name);
    checkValue(value);
    this.#add(lower, value);
  }

  entries(): [string, Uint8Array][] {
    const { names, values } = this.#store;
    return names.map((name, index) => [name, toBytes(values[index] ?? '')]);
  }

  clone(): Fields {
    const copy = new Fields();
    copy.#store.names.push(...this.#store.names);
    copy.#store.values.push(...this.#store.values);
    copy.#store.bytes = this.#store.bytes;
    return copy;
  }

  #checkChange(name: string): string {
    if (this.#isImmutable) throw headerError('immutable');
    return parseName(name);
  }

  #add(lower: string, value: Uint8Array): void {
    const store = this.#store;
    store.bytes += lower.length + value.length;
    if (store.names.length >= maxFields || store.bytes > maxFieldBytes) {
      throw new Trap(
        'ERR_TRAP_WASI',
        `Cannot add field ${JSON.stringify(lower.slice(0, 80))}: more than ${maxFields} fields or ${maxFieldBytes} bytes`,
      );
    }
    store.names.push(lower);
    // Text stays within the heap that a worker may have; the memory behind larger arrays does not.
    store.values.push(value.length > heapBytes ? latin1Of(value) : value);
  }

  #remove(lower: string): void {
    const { names, values } = this.#store;
    for (let index = names.length - 1; index >= 0; index -= 1) {
      if (names[index] !== lower) continue;
      this.#store.bytes -= lower.length + (values[index]?.length ?? 0);
      names.splice(index, 1);
      values.splice(index, 1);
    }
  }
}
