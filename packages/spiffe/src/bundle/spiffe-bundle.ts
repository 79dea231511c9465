import type { KeyObject } from 'node:crypto';

import { isSpiffeError, SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { isJsonObject } from '../internal/json.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { toJwk } from './jwk.ts';
import { parseJwks } from './jwks.ts';
import { JwtBundle } from './jwt-bundle.ts';
import type { JwtAuthority } from './jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from './source.ts';
import { X509Bundle } from './x509-bundle.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MAX_SEQUENCE = 2n ** 64n - 1n;

/** A SPIFFE bundle document (SPIFFE Trust Domain and Bundle section 4) with the trust domain it belongs to. */
export interface SpiffeBundle extends X509BundleSource, JwtBundleSource {
  readonly trustDomain: TrustDomain;
  readonly x509Bundle: X509Bundle;
  readonly jwtBundle: JwtBundle;
  /** `spiffe_sequence`. */
  readonly sequence?: bigint;
  /** `spiffe_refresh_hint`, in ms. */
  readonly refreshHintMs?: number;
  /** One line per entry that was passed over, with its position and the reason. */
  readonly ignored: readonly string[];
}

/** What goes into a bundle document. */
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
  const { keys, members, text } = parseJwks(json, trustDomain.name);
  const authorities: Uint8Array[] = [];
  const ignored: string[] = [];
  const jwtKeys: unknown[] = [];
  keys.forEach((jwk, index) => {
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
  const sequence = parseSequence(members, text, trustDomain);
  const refreshHint = members['spiffe_refresh_hint'];
  if (
    refreshHint !== undefined &&
    !(typeof refreshHint === 'number' && refreshHint >= 0 && Number.isFinite(refreshHint))
  ) {
    throw malformed(trustDomain, '"spiffe_refresh_hint" must be a number of seconds');
  }
  return {
    trustDomain,
    x509Bundle,
    jwtBundle,
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHint === undefined ? {} : { refreshHintMs: refreshHint * 1000 }),
    ignored: [...ignored, ...jwtBundle.ignored],
    getX509Bundle: (wanted) => x509Bundle.getX509Bundle(wanted),
    getJwtBundle: (wanted) => jwtBundle.getJwtBundle(wanted),
  };
}

/** Writes a SPIFFE bundle document. Certificates are put in as they are; they must be readable. */
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

/** Writes the JWKS document that the Workload API sends as a JWT bundle. */
export function marshalJwtBundle(authorities: readonly JwtAuthority[]): string {
  return JSON.stringify({ keys: authorities.map(toJwtKey) });
}

function toJwtKey({ keyId, publicKey }: { readonly keyId: string; readonly publicKey: KeyObject }): object {
  return { use: 'jwt-svid', kid: keyId, ...toJwk(publicKey) };
}

function parseX509Entry(jwk: Readonly<Record<string, unknown>>): Uint8Array | string {
  const list: unknown = jwk['x5c'];
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  if (typeof first !== 'string' || first === '' || !BASE64.test(first)) {
    return 'x5c has no certificate in base64';
  }
  const bytes = Buffer.from(first, 'base64');
  try {
    parseCertificate(bytes);
    return bytes;
  } catch (error) {
    return isSpiffeError(error) ? error.message : 'x5c is not a certificate';
  }
}

/** Reads the 64-bit number from the text, since a JavaScript number would round it. */
function parseSequence(
  members: Readonly<Record<string, unknown>>,
  text: string,
  trustDomain: TrustDomain,
): bigint | undefined {
  if (members['spiffe_sequence'] === undefined) {
    return undefined;
  }
  const byHolder = new Map<unknown, bigint>();
  let sequence: bigint | undefined;
  const reviver = function (
    this: unknown,
    key: string,
    value: unknown,
    context?: { readonly source?: string },
  ): unknown {
    const source = context?.source ?? '';
    if (key === 'spiffe_sequence' && /^\d{1,20}$/.test(source)) {
      byHolder.set(this, BigInt(source));
    }
    if (key === '') {
      sequence = byHolder.get(value);
    }
    return value;
  };
  JSON.parse(text, reviver);
  if (sequence === undefined || sequence > MAX_SEQUENCE) {
    throw malformed(trustDomain, '"spiffe_sequence" must be an unsigned 64-bit integer');
  }
  return sequence;
}

function malformed(trustDomain: TrustDomain, wanted: string): SpiffeError {
  return new SpiffeError(
    'ERR_BUNDLE_MALFORMED',
    `Cannot read the bundle of "${trustDomain.name}": ${wanted}`,
  );
}
