import { decodeNatsJwt, parsePublicKey } from '@muster/lattice';
import type { JsonObject, JsonValue, Xkey } from '@muster/lattice';
import { CalloutError } from './errors.ts';

/** What nats-server asks about one client, checked. Everything under `client` and `token` was chosen by the client. */
export interface AuthorizationRequest {
  /** Must be the `sub` of the answer: it binds the answer to this request. */
  readonly userNkey: string;
  readonly server: { readonly id: string; readonly name: string; readonly xkey: string };
  readonly client: {
    readonly id: number;
    readonly host: string;
    readonly name: string;
    readonly kind: string;
    readonly type: string;
  };
  /** The client's JWT-SVID; empty when it sent none. */
  readonly token: string;
  /** True when the client sent a user, password, nkey, signature or NATS JWT. */
  readonly hasOtherCredentials: boolean;
}

export interface RequestCheckOptions {
  readonly xkey: Xkey;
  /** Public account key that the server is configured with; the request is meant for it. */
  readonly issuer: string;
  /** Clock difference to the server that is tolerated. */
  readonly leewayMs: number;
}

const AUDIENCE = 'nats-authorization-request';
const TYPE = 'authorization_request';
const MAX_SERVERS = 256;
const MAX_REQUEST_BYTES = 128 * 1024;

/** Opens and checks requests. Remembers the keys of servers whose requests were genuine. */
export class RequestChecker {
  readonly #options: RequestCheckOptions;
  readonly #serverKeys = new Map<string, Uint8Array>();

  constructor(options: RequestCheckOptions) {
    this.#options = options;
  }

  /**
   * Every check that a request must pass before it is looked at: sealed by the server it names, signed by that server's
   * own key, meant for this issuer, not past its end. Throws CalloutError; then nothing may be answered.
   */
  check(message: Uint8Array, serverXkey: string | undefined, now: number): AuthorizationRequest {
    const text = this.#open(message, serverXkey).toString('latin1');
    const { issuer, claims } = this.#verify(text);
    const nats = object(claims['nats'], 'nats');
    const server = object(nats['server_id'], 'server_id');
    if (server['id'] !== issuer) {
      throw new CalloutError(
        'ERR_REQUEST_SIGNATURE',
        'Cannot accept request: another server signed it than the one it names',
      );
    }
    if (claims['aud'] !== AUDIENCE || nats['type'] !== TYPE || nats['version'] !== 2) {
      throw new CalloutError(
        'ERR_REQUEST_MISDIRECTED',
        'Cannot accept request: it is not an authorization request',
      );
    }
    if (claims['sub'] !== this.#options.issuer) {
      throw new CalloutError(
        'ERR_REQUEST_MISDIRECTED',
        'Cannot accept request: it is meant for another issuer',
      );
    }
    const { exp } = claims;
    if (typeof exp !== 'number' || !Number.isSafeInteger(exp)) throw malformed('"exp" is not a whole number');
    if (exp * 1_000 + this.#options.leewayMs <= now) {
      throw new CalloutError('ERR_REQUEST_EXPIRED', 'Cannot accept request: it is past its end');
    }
    if (server['xkey'] !== serverXkey) {
      throw new CalloutError(
        'ERR_REQUEST_NOT_SEALED',
        'Cannot accept request: the signed xkey differs from the one that sealed it',
      );
    }
    this.#remember(issuer);
    return read(claims, nats, server, issuer);
  }

  #open(message: Uint8Array, serverXkey: string | undefined): Buffer {
    if (serverXkey === undefined || message.length > MAX_REQUEST_BYTES) {
      throw new CalloutError(
        'ERR_REQUEST_NOT_SEALED',
        'Cannot accept request: it is not sealed, or too large',
      );
    }
    try {
      return this.#options.xkey.open(message, serverXkey) as Buffer;
    } catch (cause) {
      throw new CalloutError('ERR_REQUEST_NOT_SEALED', 'Cannot accept request: it does not open', { cause });
    }
  }

  #verify(text: string): { issuer: string; claims: JsonObject } {
    try {
      const decoded = decodeNatsJwt(text, this.#serverKeys);
      if (!decoded.issuer.startsWith('N')) throw new Error('the issuer is not a server key');
      return decoded;
    } catch (cause) {
      throw new CalloutError('ERR_REQUEST_SIGNATURE', 'Cannot accept request: no nats-server signed it', {
        cause,
      });
    }
  }

  #remember(issuer: string): void {
    if (this.#serverKeys.has(issuer)) return;
    if (this.#serverKeys.size >= MAX_SERVERS) this.#serverKeys.clear();
    this.#serverKeys.set(issuer, parsePublicKey(issuer, 'N'));
  }
}

function read(claims: JsonObject, nats: JsonObject, server: JsonObject, id: string): AuthorizationRequest {
  const userNkey = string(nats['user_nkey'], 'user_nkey');
  try {
    parsePublicKey(userNkey, 'U');
  } catch (cause) {
    throw new CalloutError('ERR_REQUEST_MALFORMED', 'Cannot accept request: "user_nkey" is not a user key', {
      cause,
    });
  }
  const client = object(nats['client_info'], 'client_info');
  const connect = object(nats['connect_opts'], 'connect_opts');
  const clientId = client['id'];
  if (typeof clientId !== 'number') throw malformed('"client_info.id" is not a number');
  const others = ['jwt', 'nkey', 'sig', 'user', 'pass'].some(
    (key) => connect[key] !== undefined && connect[key] !== '',
  );
  return {
    userNkey,
    server: { id, name: optional(server['name']), xkey: string(server['xkey'], 'xkey') },
    client: {
      id: clientId,
      host: optional(client['host']),
      name: optional(connect['name']),
      kind: optional(client['kind']),
      type: optional(client['type']),
    },
    token: optional(connect['auth_token']),
    hasOtherCredentials: others,
  };
}

function object(value: JsonValue | undefined, key: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw malformed(`"${key}" is not an object`);
}

function string(value: JsonValue | undefined, key: string): string {
  if (typeof value === 'string') return value;
  throw malformed(`"${key}" is not a text`);
}

function optional(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function malformed(why: string): CalloutError {
  return new CalloutError('ERR_REQUEST_MALFORMED', `Cannot accept request: ${why}`);
}
