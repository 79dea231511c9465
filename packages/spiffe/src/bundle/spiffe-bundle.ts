import { isSpiffeError, SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { decodeBase64 } from '../internal/base64.ts';
import { isJsonObject } from '../internal/json.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { toJwk, toJwtKey } from './jwk.ts';
import { parseDocument, readKeys } from './jwks.ts';
import { JwtBundle } from './jwt-bundle.ts';
import type { JwtAuthority } from './jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from './source.ts';
import { X509Bundle } from './x509-bundle.ts';

const MAX_SEQUENCE = 2n ** 64n - 1n;

/** What of a SPIFFE bundle may be given or changed. `sequence` is below 2^64, `refreshHintMs` is in ms. */
export interface SpiffeBundleParts {
  readonly x509Bundle?: X509Bundle | undefined;
  readonly jwtBundle?: JwtBundle | undefined;
  readonly sequence?: bigint | undefined;
  readonly refreshHintMs?: number | undefined;
}

/** A SPIFFE bundle document (SPIFFE Trust Domain and Bundle section 4) with the trust domain it belongs to. Immutable: a change is a new bundle. Is a source of itself. */
export class SpiffeBundle implements X509BundleSource, JwtBundleSource {
  readonly trustDomain: TrustDomain;
  readonly x509Bundle: X509Bundle;
  readonly jwtBundle: JwtBundle;
  /** `spiffe_sequence`. */
  readonly sequence?: bigint;
  /** `spiffe_refresh_hint`, in ms. */
  readonly refreshHintMs?: number;
  /** One line per entry that was passed over, with its position and the reason. */
  readonly ignored: readonly string[];

  /** Throws SpiffeError `ERR_BUNDLE_TRUST_DOMAIN` for bundles of another trust domain, `ERR_BUNDLE_MALFORMED` for numbers that no document can hold. */
  constructor(
    trustDomain: TrustDomain,
    parts: SpiffeBundleParts,
    options: { readonly ignored?: readonly string[] | undefined } = {},
  ) {
    this.trustDomain = trustDomain;
    this.x509Bundle = parts.x509Bundle ?? X509Bundle.fromAuthorities(trustDomain, []);
    this.jwtBundle = parts.jwtBundle ?? JwtBundle.fromAuthorities(trustDomain, []);
    for (const { trustDomain: other } of [this.x509Bundle, this.jwtBundle]) {
      if (!other.equals(trustDomain)) {
        throw new SpiffeError(
          'ERR_BUNDLE_TRUST_DOMAIN',
          `Cannot make a bundle of "${trustDomain.name}": it must hold no keys of "${other.name}"`,
        );
      }
    }
    if (parts.sequence !== undefined) {
      this.sequence = parts.sequence;
    }
    if (parts.refreshHintMs !== undefined) {
      this.refreshHintMs = parts.refreshHintMs;
    }
    checkNumbers(this);
    this.ignored = Object.freeze([...(options.ignored ?? [])]);
    Object.freeze(this);
  }

  /** As `parseSpiffeBundle`. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
  static parse(trustDomain: TrustDomain, json: string | Uint8Array): SpiffeBundle {
    return parseSpiffeBundle(trustDomain, json);
  }

  /** One certificate in DER each. */
  get x509Authorities(): readonly Uint8Array[] {
    return this.x509Bundle.authorities;
  }

  get jwtAuthorities(): readonly JwtAuthority[] {
    return this.jwtBundle.authorities;
  }

  /** Whether there is no key of either kind: then nothing of the trust domain is to be believed. */
  get isEmpty(): boolean {
    return this.x509Bundle.isEmpty && this.jwtBundle.isEmpty;
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.x509Bundle.getX509Bundle(trustDomain);
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.jwtBundle.getJwtBundle(trustDomain);
  }

  /** A copy with the parts that are given; one that is given as undefined is taken away. Throws as the constructor. */
  with(changes: SpiffeBundleParts): SpiffeBundle {
    const { x509Bundle, jwtBundle, sequence, refreshHintMs } = this;
    const parts = { x509Bundle, jwtBundle, sequence, refreshHintMs, ...changes };
    return new SpiffeBundle(this.trustDomain, parts, { ignored: this.ignored });
  }

  /** Compares all that the documents say, keys in any order. */
  equals(other: SpiffeBundle): boolean {
    return (
      this.sequence === other.sequence &&
      this.refreshHintMs === other.refreshHintMs &&
      this.x509Bundle.equals(other.x509Bundle) &&
      this.jwtBundle.equals(other.jwtBundle)
    );
  }

  /** The document, as `marshalSpiffeBundle` writes it. */
  toDocument(): string {
    return marshalSpiffeBundle(this);
  }
}

/** What goes into a bundle document. `sequence` is below 2^64; `refreshHintMs` is in ms and written in seconds, rounded up. */
export interface SpiffeBundleContents {
  /** One certificate in DER each. */
  readonly x509Authorities: readonly Uint8Array[];
  readonly jwtAuthorities: readonly JwtAuthority[];
  readonly sequence?: bigint | undefined;
  readonly refreshHintMs?: number | undefined;
}

/**
 * Reads a SPIFFE bundle document. The trust domain comes from the caller, since the document does not name it. Entries
 * that are not usable are passed over and listed. Throws SpiffeError `ERR_BUNDLE_MALFORMED`.
 */
export function parseSpiffeBundle(trustDomain: TrustDomain, json: string | Uint8Array): SpiffeBundle {
  const { members, sequences } = parseDocument(json, trustDomain.name);
  return readSpiffeBundle(trustDomain, members, sequences);
}

/** Makes a bundle of the members of a document. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
export function readSpiffeBundle(
  trustDomain: TrustDomain,
  members: Readonly<Record<string, unknown>>,
  sequences: ReadonlyMap<unknown, bigint>,
): SpiffeBundle {
  const authorities: Uint8Array[] = [];
  const ignored: string[] = [];
  const jwtKeys: unknown[] = [];
  readKeys(members, trustDomain.name).forEach((jwk, index) => {
    if (!isJsonObject(jwk)) {
      ignored.push(`key ${index}: it is not an object`);
    } else if (jwk['use'] === 'x509-svid') {
      const authority = parseX509Entry(jwk);
      if (typeof authority === 'string') {
        ignored.push(`key ${index}: ${authority}`);
      } else {
        authorities.push(authority);
      }
    } else {
      jwtKeys.push(jwk);
    }
  });
  const x509Bundle = X509Bundle.fromAuthorities(trustDomain, authorities);
  const jwtBundle = JwtBundle.fromKeys(trustDomain, jwtKeys, { isUseRequired: true });
  const sequence = sequences.get(members);
  if (members['spiffe_sequence'] !== undefined && sequence === undefined) {
    throw malformed(trustDomain, '"spiffe_sequence" must be an unsigned 64-bit integer');
  }
  const refreshHint = members['spiffe_refresh_hint'];
  if (refreshHint !== undefined && !(typeof refreshHint === 'number' && Number.isSafeInteger(refreshHint))) {
    throw malformed(trustDomain, '"spiffe_refresh_hint" must be a whole number of seconds');
  }
  const refreshHintMs = refreshHint === undefined ? undefined : refreshHint * 1000;
  return new SpiffeBundle(
    trustDomain,
    { x509Bundle, jwtBundle, sequence, refreshHintMs },
    { ignored: [...ignored, ...jwtBundle.ignored] },
  );
}

/** Writes a SPIFFE bundle document. Certificates are put in as they are. Throws SpiffeError `ERR_CERTIFICATE_...` for one that cannot be read. */
export function marshalSpiffeBundle(contents: SpiffeBundleContents): string {
  const x509Keys = contents.x509Authorities.map((bytes) => ({
    use: 'x509-svid',
    ...toJwk(parseCertificate(bytes).publicKey),
    x5c: [Buffer.from(bytes).toString('base64')],
  }));
  const jwtKeys = contents.jwtAuthorities.map(toJwtKey);
  const members = [`"keys":${JSON.stringify([...x509Keys, ...jwtKeys])}`];
  if (contents.sequence !== undefined) {
    members.push(`"spiffe_sequence":${contents.sequence.toString()}`);
  }
  if (contents.refreshHintMs !== undefined) {
    members.push(`"spiffe_refresh_hint":${Math.ceil(contents.refreshHintMs / 1000)}`);
  }
  return `{${members.join(',')}}`;
}

/** Writes the JWKS document that the Workload API sends as a JWT bundle. Never throws. */
export function marshalJwtBundle(authorities: readonly JwtAuthority[]): string {
  return JSON.stringify({ keys: authorities.map(toJwtKey) });
}

function parseX509Entry(jwk: Readonly<Record<string, unknown>>): Uint8Array | string {
  const list: unknown = jwk['x5c'];
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const bytes = typeof first === 'string' ? decodeBase64(first) : undefined;
  if (bytes === undefined) {
    return 'x5c has no certificate in base64';
  }
  try {
    // RFC 7517 section 4.7: the other members say the same key. An unknown kty is passed over with this, too.
    const members = Object.entries(toJwk(parseCertificate(bytes).publicKey));
    return members.every(([name, value]) => jwk[name] === value)
      ? bytes
      : 'the key is not that of the certificate in x5c';
  } catch (error) {
    return isSpiffeError(error) ? error.message : 'x5c is not a certificate';
  }
}

function checkNumbers({ trustDomain, sequence, refreshHintMs }: SpiffeBundle): void {
  if (sequence !== undefined && (sequence < 0n || sequence > MAX_SEQUENCE)) {
    throw malformed(trustDomain, '"spiffe_sequence" must be an unsigned 64-bit integer');
  }
  if (refreshHintMs !== undefined && !(refreshHintMs >= 0 && Number.isFinite(refreshHintMs))) {
    throw malformed(trustDomain, '"spiffe_refresh_hint" must be a number of seconds');
  }
}

function malformed(trustDomain: TrustDomain, wanted: string): SpiffeError {
  return new SpiffeError(
    'ERR_BUNDLE_MALFORMED',
    `Cannot read the bundle of "${trustDomain.name}": ${wanted}`,
  );
}
