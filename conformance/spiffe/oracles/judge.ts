// What is put before us and the oracles, and what each says of it.
import {
  isSpiffeError,
  JwtBundle,
  parseSpiffeBundle,
  parseX509Svid,
  SpiffeId,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  X509Bundle,
} from '@muster/spiffe';

export interface X509Case {
  readonly kind: 'x509';
  readonly trustDomain: string;
  readonly chain: readonly Uint8Array[];
  readonly authorities: readonly Uint8Array[];
  /** Ms since the epoch. */
  readonly at: number;
}

/** An SVID as it is handed out: parsed, not verified. */
export interface SvidCase {
  readonly kind: 'svid';
  readonly chain: readonly Uint8Array[];
  /** PKCS#8 in DER. */
  readonly key: Uint8Array;
}

export interface JwtCase {
  readonly kind: 'jwt';
  readonly trustDomain: string;
  readonly token: string;
  readonly document: Uint8Array;
  readonly audience: string;
  readonly at: number;
}

export interface BundleCase {
  readonly kind: 'bundle';
  readonly trustDomain: string;
  readonly document: Uint8Array;
}

export interface IdCase {
  readonly kind: 'id';
  readonly text: string;
}

export type Case = X509Case | SvidCase | JwtCase | BundleCase | IdCase;

/** Accepted, with what was read, or refused, with our code or the oracle's words. */
export type Verdict =
  | { readonly isAccepted: true; readonly id?: string; readonly x509?: number; readonly jwt?: number }
  | { readonly isAccepted: false; readonly reason: string };

/** Our verdict. Whatever else than a SpiffeError is thrown comes through: that is a defect by itself. */
export function judge(asked: Case): Verdict {
  try {
    return accept(asked);
  } catch (error) {
    if (!isSpiffeError(error)) throw error;
    return { isAccepted: false, reason: error.code };
  }
}

function accept(asked: Case): Verdict {
  if (asked.kind === 'id') return { isAccepted: true, id: SpiffeId.parse(asked.text).toString() };
  if (asked.kind === 'svid') {
    return { isAccepted: true, id: parseX509Svid(Buffer.concat(asked.chain), asked.key).id.toString() };
  }
  const trustDomain = TrustDomain.parse(asked.trustDomain);
  if (asked.kind === 'x509') {
    const bundle = X509Bundle.fromAuthorities(trustDomain, asked.authorities);
    const { id } = verifyX509Svid(asked.chain, bundle, { now: asked.at });
    return { isAccepted: true, id: id.toString() };
  }
  if (asked.kind === 'jwt') {
    const { token, audience, at: now } = asked;
    const bundles = JwtBundle.fromJwks(trustDomain, asked.document);
    return { isAccepted: true, id: verifyJwtSvid(token, { bundles, audience, now }).id.toString() };
  }
  const { x509Bundle, jwtBundle } = parseSpiffeBundle(trustDomain, asked.document);
  // The oracle counts what is there twice once.
  const x509 = new Set(x509Bundle.authorities.map((bytes) => Buffer.from(bytes).toString('base64'))).size;
  const jwt = new Set(jwtBundle.authorities.map(({ keyId }) => keyId)).size;
  return { isAccepted: true, x509, jwt };
}
