import { ResultError } from '../errors.ts';
import { Fields } from './http-fields.ts';
import { DiscardedBytes, IncomingBody, OutgoingBody } from './http-body.ts';
import type { ByteSource } from './io-streams.ts';
import type { WaitScope } from './wait.ts';

interface Variant {
  readonly tag: string;
  readonly val?: unknown;
}

const knownMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const methods: ReadonlyMap<string, Variant> = new Map(
  knownMethods.map((name) => [name, Object.freeze({ tag: name.toLowerCase() })]),
);

/** What the host knows of a request; headers are names and latin1 values in turn. */
export interface IncomingRequestParts {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly pathWithQuery: string;
  readonly headers: readonly string[];
  readonly body: ByteSource;
}

/** `wasi:http/types.incoming-request` */
export class IncomingRequest {
  readonly #parts: IncomingRequestParts;
  readonly #scope: WaitScope;
  #headers: Fields | undefined;
  #isConsumed = false;

  constructor(parts: IncomingRequestParts, scope: WaitScope) {
    this.#parts = parts;
    this.#scope = scope;
  }

  method(): Variant {
    const { method } = this.#parts;
    return methods.get(method) ?? { tag: 'other', val: method };
  }

  pathWithQuery(): string | undefined {
    return this.#parts.pathWithQuery;
  }

  scheme(): Variant | undefined {
    return { tag: this.#parts.scheme === 'https' ? 'HTTPS' : 'HTTP' };
  }

  authority(): string | undefined {
    return this.#parts.authority;
  }

  headers(): Fields {
    this.#headers ??= Fields.fromWire(this.#parts.headers);
    return Fields.view(this.#headers);
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw new ResultError();
    this.#isConsumed = true;
    return new IncomingBody(this.#parts.body, this.#scope);
  }

  [Symbol.dispose](): void {
    if (!this.#isConsumed) this.#parts.body.close();
  }
}

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const pathPattern = /^[\x21-\x7e]+$/;
const schemePattern = /^[A-Za-z][A-Za-z0-9+\-.]*$/;
const authorityPattern = /^[A-Za-z0-9\-._~%!$&'()*+,;=:@[\]]+$/;

/** Longer parts of an outgoing request are refused: long strings live outside of the heap that a worker may have. */
export const maxPartLength = 65_536;

const fits = (text: unknown, pattern: RegExp): boolean =>
  typeof text === 'string' && text.length <= maxPartLength && pattern.test(text);

/** `wasi:http/types.outgoing-request`; it can be built, and no handler will send it. */
export class OutgoingRequest {
  readonly #headers: Fields;
  readonly #scope: WaitScope;
  #method: Variant = { tag: 'get' };
  #pathWithQuery: string | undefined;
  #scheme: Variant | undefined;
  #authority: string | undefined;
  #hasBody = false;

  constructor(headers: Fields, scope: WaitScope) {
    this.#scope = scope;
    this.#headers = Fields.freeze(headers);
  }

  body(): OutgoingBody {
    if (this.#hasBody) throw new ResultError();
    this.#hasBody = true;
    return new OutgoingBody(new DiscardedBytes(), this.#scope);
  }

  method(): Variant {
    return this.#method;
  }

  setMethod(method: Variant): void {
    if (method.tag === 'other' && !fits(method.val, tokenPattern)) throw new ResultError();
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#pathWithQuery;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && !fits(path, pathPattern)) throw new ResultError();
    this.#pathWithQuery = path;
  }

  scheme(): Variant | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Variant | undefined): void {
    if (scheme?.tag === 'other' && !fits(scheme.val, schemePattern)) throw new ResultError();
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    if (authority !== undefined && !fits(authority, authorityPattern)) throw new ResultError();
    this.#authority = authority;
  }

  headers(): Fields {
    return Fields.view(this.#headers);
  }
}

/** `wasi:http/types.request-options`; durations in nanoseconds. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(duration: bigint | undefined): void {
    this.#connect = duration;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#firstByte = duration;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#betweenBytes = duration;
  }
}
