import type { Clock, Logger, Timer } from '@muster/lattice';
import {
  JwtBundle,
  marshalSpiffeBundle,
  SpiffeId,
  type JwtBundleSource,
  type TrustDomain,
} from '@muster/spiffe';
import { AuthorityError } from '../errors.ts';
import { JwtAuthority, type IssuedJwtSvid } from './jwt-authority.ts';
import { checkIntervalMs, Rotation } from './rotation.ts';
import { X509Authority, type IssuedX509Svid } from './x509-authority.ts';

/** Longest SPIFFE ID that is issued; some consumers of tokens refuse longer ones. */
export const MAX_ID_LENGTH = 255;

export interface CertificateAuthorityOptions {
  readonly trustDomain: TrustDomain;
  readonly caTtlMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The keys of a trust domain: signs SVIDs and publishes the bundle, rotating both on its own. Keys live in memory only. */
export class CertificateAuthority implements JwtBundleSource {
  readonly #trustDomain: TrustDomain;
  readonly #options: CertificateAuthorityOptions;
  readonly #x509: Rotation<X509Authority>;
  readonly #jwt: Rotation<JwtAuthority>;
  readonly #listeners = new Set<() => void>();
  #sequence: number;
  #timer: Timer | undefined;
  #jwtBundle: JwtBundle | undefined;

  constructor(options: CertificateAuthorityOptions) {
    const { trustDomain, caTtlMs, clock } = options;
    const now = clock.now();
    this.#trustDomain = trustDomain;
    this.#options = options;
    this.#x509 = new Rotation((at) => X509Authority.create(trustDomain.id, at, caTtlMs), now);
    this.#jwt = new Rotation((at) => new JwtAuthority(at, caTtlMs), now);
    // Keys are new with each start, and a sequence must not go back: seconds do not, as counts of changes might.
    this.#sequence = Math.floor(now / 1000);
  }

  /** Begins to look after rotation; `stop` ends that. */
  start(): void {
    const { clock, caTtlMs } = this.#options;
    this.#timer = clock.setTimeout(() => {
      this.check();
      this.start();
    }, checkIntervalMs(caTtlMs));
  }

  stop(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listeners.clear();
  }

  /** Rotates what is due by now. Also called before each signature, so a suspended machine never signs with a dead key. */
  check(): void {
    const now = this.#options.clock.now();
    const isX509Changed = this.#x509.check(now);
    const isJwtChanged = this.#jwt.check(now);
    if (!isX509Changed && !isJwtChanged) return;
    this.#sequence += 1;
    this.#jwtBundle = undefined;
    this.#options.logger.info('trust bundle changed', {
      sequence: this.#sequence,
      x509Authorities: this.#x509.all.length,
      jwtAuthorities: this.#jwt.all.length,
    });
    for (const listener of this.#listeners) listener();
  }

  get sequence(): number {
    return this.#sequence;
  }

  get x509ExpiresAt(): number {
    return this.#x509.current.expiresAt;
  }

  get jwtExpiresAt(): number {
    return this.#jwt.current.expiresAt;
  }

  /** Calls back after each change of the bundle; returns the function that ends this. */
  onChange(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Issues an X.509-SVID that ends at `expiresAt` or earlier. Throws ERR_ISSUE_REFUSED. */
  issueX509Svid(id: SpiffeId, dnsNames: readonly string[], expiresAt: number): IssuedX509Svid {
    this.#assertIssuable(id);
    this.check();
    return this.#x509.current.issue(id.toString(), dnsNames, this.#options.clock.now(), expiresAt);
  }

  /** Issues a JWT-SVID that ends at `expiresAt` or earlier. Throws ERR_ISSUE_REFUSED. */
  issueJwtSvid(id: SpiffeId, audience: readonly string[], expiresAt: number): IssuedJwtSvid {
    this.#assertIssuable(id);
    if (audience.length === 0) throw refused('an audience is missing');
    this.check();
    return this.#jwt.current.issue(id.toString(), audience, this.#options.clock.now(), expiresAt);
  }

  /** The X.509 authorities, the current one first. */
  x509Authorities(): readonly Uint8Array[] {
    return this.#x509.all.map((authority) => authority.certificate);
  }

  /** The JWT authorities as a JWK set. */
  jwks(): Uint8Array {
    return Buffer.from(JSON.stringify({ keys: this.#jwt.all.map((authority) => authority.toJwk()) }), 'utf8');
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    if (!trustDomain.equals(this.#trustDomain)) return undefined;
    this.#jwtBundle ??= JwtBundle.fromJwks(this.#trustDomain, this.jwks());
    return this.#jwtBundle;
  }

  /** The SPIFFE bundle document. The refresh hint is a tenth of the CA's life, as SPIRE has it. */
  bundle(): string {
    return marshalSpiffeBundle({
      x509Authorities: this.x509Authorities(),
      jwtAuthorities: this.#jwt.all.map(({ keyId, publicKey }) => ({ keyId, publicKey })),
      sequence: BigInt(this.#sequence),
      refreshHintMs: Math.max(1000, Math.floor(this.#options.caTtlMs / 10_000) * 1000),
    });
  }

  #assertIssuable(id: SpiffeId): void {
    if (id.path === '') throw refused('the SPIFFE ID has no path');
    if (!id.isMemberOf(this.#trustDomain)) throw refused('the SPIFFE ID is in a foreign trust domain');
    if (id.toString().length > MAX_ID_LENGTH) {
      throw refused(`the SPIFFE ID is longer than ${MAX_ID_LENGTH} characters`);
    }
  }
}

function refused(reason: string): AuthorityError {
  return new AuthorityError('ERR_ISSUE_REFUSED', `Cannot issue an SVID: ${reason}`);
}
