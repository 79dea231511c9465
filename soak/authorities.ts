// Authorities that take turns in the order that no peer ever notices: a new one is announced, then signs, and an old one
// stays announced until the last thing it signed has expired.
import {
  createTestCa,
  createTestJwtAuthority,
  type TestCa,
  type TestJwtAuthority,
  type TestX509Svid,
} from '@muster/testing';
import { jwtBundlesResponse, x509BundlesResponse, x509SvidResponse } from '@muster/spiffe/wire';
import { randomUUID } from 'node:crypto';

export interface AuthoritiesOptions {
  readonly trustDomain: string;
  /** The identities that every caller is offered. */
  readonly ids: readonly string[];
  readonly svidTtlMs: number;
}

interface Authority {
  readonly x509: TestCa;
  readonly jwt: TestJwtAuthority;
  /** When nothing that it signed is valid any more; undefined while it may still sign. */
  endsAt?: number;
}

/** One message for each stream of the Workload API. */
export interface Messages {
  readonly FetchX509SVID: Uint8Array;
  readonly FetchX509Bundles: Uint8Array;
  readonly FetchJWTBundles: Uint8Array;
}

/** An X.509 and a JWT authority at a time that signs, others that are already or still announced. */
export class Authorities {
  readonly #options: AuthoritiesOptions;
  #active: Authority;
  #prepared: Authority | undefined;
  #retired: Authority[] = [];
  #svids: readonly (TestX509Svid & { readonly spiffeId: string })[] = [];
  /** How many have been made so far. */
  made = 0;

  constructor(options: AuthoritiesOptions) {
    this.#options = options;
    this.#active = this.#make();
  }

  /** Announces the next one, which signs nothing yet. */
  prepare(): void {
    this.#prepared ??= this.#make();
  }

  /** Lets the announced one sign from now on. */
  activate(): void {
    if (this.#prepared === undefined) throw new Error('Cannot activate an authority: none is prepared');
    this.#active.endsAt = Date.now() + this.#options.svidTtlMs;
    this.#retired.push(this.#active);
    this.#active = this.#prepared;
    this.#prepared = undefined;
  }

  /** Forgets those of which everything has expired, and says whether there were any. */
  dropOld(): boolean {
    const kept = this.#retired.filter(({ endsAt = 0 }) => Date.now() < endsAt);
    const hasDropped = kept.length < this.#retired.length;
    this.#retired = kept;
    return hasDropped;
  }

  /** Signs new X.509-SVIDs for everybody. */
  renew(): void {
    const now = Date.now();
    const validity = { notBeforeAt: now - 10_000, expiresAt: now + this.#options.svidTtlMs };
    this.#svids = this.#options.ids.map((spiffeId) => ({
      spiffeId,
      ...this.#active.x509.issueX509Svid(spiffeId, validity),
    }));
  }

  /** The newest X.509-SVIDs and all bundles. */
  messages(): Messages {
    const key = `spiffe://${this.#options.trustDomain}`;
    const bundle = Buffer.concat(this.#announced().map(({ x509 }) => x509.certificate));
    const svids = this.#svids.map(({ spiffeId, chainDer, keyDer }) => {
      return { spiffeId, x509Svid: chainDer, x509SvidKey: keyDer, bundle, hint: '' };
    });
    return {
      FetchX509SVID: x509SvidResponse.encode({ svids, crl: [], federatedBundles: new Map() }),
      FetchX509Bundles: x509BundlesResponse.encode({ crl: [], bundles: new Map([[key, bundle]]) }),
      FetchJWTBundles: jwtBundlesResponse.encode({ bundles: new Map([[key, this.#jwks()]]) }),
    };
  }

  issueJwtSvid(spiffeId: string, audience: readonly string[]): string {
    const issuedAt = Math.floor(Date.now() / 1000);
    const claims = {
      iat: issuedAt,
      exp: issuedAt + Math.floor(this.#options.svidTtlMs / 1000),
      jti: randomUUID(),
    };
    return this.#active.jwt.issue(spiffeId, audience, { claims });
  }

  #announced(): Authority[] {
    return [...this.#retired, this.#active, ...(this.#prepared === undefined ? [] : [this.#prepared])];
  }

  #jwks(): Uint8Array {
    const sets = this.#announced().map(({ jwt }) => JSON.parse(jwt.jwks) as { keys: unknown[] });
    return Buffer.from(JSON.stringify({ keys: sets.flatMap(({ keys }) => keys) }));
  }

  #make(): Authority {
    this.made += 1;
    const { trustDomain } = this.#options;
    const keyId = `authority-${String(this.made)}`;
    return {
      x509: createTestCa(trustDomain),
      jwt: createTestJwtAuthority(trustDomain, Date.now(), { keyId }),
    };
  }
}
