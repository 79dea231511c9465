import assert from 'node:assert/strict';
import { createNkey, createXkey, decodeNatsJwt, encodeNatsJwt } from '@muster/lattice';
import type { JsonObject, Nkey, Xkey } from '@muster/lattice';
import { NOW } from './support.ts';

export interface RequestOverrides {
  readonly claims?: JsonObject;
  readonly nats?: JsonObject;
  readonly server?: JsonObject;
  readonly client?: JsonObject;
  readonly connect?: JsonObject;
  /** Signs instead of the server's own key. */
  readonly signer?: Nkey;
  /** Seals instead of the server's own xkey. */
  readonly sealer?: Xkey;
}

/** The permissions and identity that an answer grants. */
export interface Granted {
  readonly claims: JsonObject;
  readonly pub: { allow?: string[]; deny?: string[] };
  readonly sub: { allow?: string[]; deny?: string[] };
  readonly resp: { max: number; ttl: number } | undefined;
}

/** Asks as nats-server 2.15 does, and is as strict as it about what comes back. */
export class FakeNatsServer {
  readonly key = createNkey('N');
  readonly xkey = createXkey();
  readonly user = createNkey('U');
  readonly #issuer: string;
  readonly #calloutXkey: string;

  constructor(issuer: string, calloutXkey: string) {
    this.#issuer = issuer;
    this.#calloutXkey = calloutXkey;
  }

  /** The signed request before it is sealed. */
  text(token: string | undefined, overrides: RequestOverrides = {}): string {
    const { claims, nats, server, client, connect, signer = this.key } = overrides;
    const body = {
      sub: this.#issuer,
      aud: 'nats-authorization-request',
      exp: NOW / 1_000 + 3,
      ...claims,
      nats: {
        server_id: {
          name: 'muster',
          host: '127.0.0.1',
          id: this.key.publicKey,
          version: '2.15.1',
          xkey: this.xkey.publicKey,
          ...server,
        },
        user_nkey: this.user.publicKey,
        client_info: { host: '127.0.0.1', id: 7, name: 'ctl', kind: 'Client', type: 'nats', ...client },
        connect_opts: {
          ...(token === undefined ? {} : { auth_token: token }),
          name: 'ctl',
          lang: 'node',
          version: '1',
          protocol: 1,
          ...connect,
        },
        type: 'authorization_request',
        version: 2,
        ...nats,
      },
    };
    return encodeNatsJwt(body, signer, NOW);
  }

  /** The sealed request. */
  request(token: string | undefined, overrides: RequestOverrides = {}): Uint8Array {
    const { sealer = this.xkey } = overrides;
    return sealer.seal(Buffer.from(this.text(token, overrides)), this.#calloutXkey);
  }

  /** Opens an answer and checks all that nats-server checks about it. Returns the user JWT's content, or the error text. */
  read(answer: Uint8Array | undefined): Granted | string {
    assert.notEqual(answer, undefined, 'there is no answer');
    const { issuer, claims } = decodeNatsJwt(
      Buffer.from(this.xkey.open(answer ?? new Uint8Array(), this.#calloutXkey)).toString(),
    );
    const nats = claims['nats'] as { type: string; version: number; jwt?: string; error?: string };
    assert.equal(issuer, this.#issuer);
    assert.equal(claims['sub'], this.user.publicKey);
    assert.equal(claims['aud'], this.key.publicKey);
    assert.equal(nats.type, 'authorization_response');
    assert.equal(nats.version, 2);
    if (nats.jwt === undefined) return nats.error ?? assert.fail('neither user nor error');
    assert.equal(nats.error, undefined);
    return this.#readUser(nats.jwt);
  }

  #readUser(jwt: string): Granted {
    const { issuer, claims } = decodeNatsJwt(jwt);
    const nats = claims['nats'] as unknown as Granted & {
      type: string;
      version: number;
      issuer_account?: string;
    };
    assert.equal(issuer, this.#issuer);
    assert.equal(claims['sub'], this.user.publicKey);
    assert.equal(nats.type, 'user');
    assert.equal(nats.version, 2);
    // Forbidden in server-config mode.
    assert.equal(nats.issuer_account, undefined);
    return { claims, pub: nats.pub, sub: nats.sub, resp: nats.resp };
  }
}
