import { constants, createHash, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { SpiffeError } from '../../errors.ts';
import type { JwtAlgorithm } from '../../svid/jwt-algorithms.ts';
import { parseWit } from './wit-svid.ts';
import type { WitSvid } from './wit-svid.ts';

const DEFAULT_LIFETIME_MS = 60_000;
const JTI_BYTES = 16;

/** Other tokens of a request, which its proof covers as well. */
export interface BoundTokens {
  /** The value of the header `Txn-Token` (claim `tth`). */
  readonly txnToken?: string | undefined;
  /** The values of headers that convey other tokens, by lower-case header name (claim `oth`). */
  readonly otherTokens?: Readonly<Record<string, string>> | undefined;
}

/** What a proof is for. */
export interface CreateProofOptions extends BoundTokens {
  /** The target URI of the request, or what its receiver calls itself. Query and fragment are left out. */
  readonly audience: string;
  /** How long the proof counts, in ms. Default 60000. */
  readonly lifetimeMs?: number | undefined;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: number | undefined;
}

/**
 * Makes a workload proof token for one request (draft-ietf-wimse-wpt-02 section 2), signed by the key of the WIT-SVID's
 * `cnf.jwk`. It covers the WIT-SVID, the target URI and the tokens that are named, but neither method nor content of the
 * request. Throws SpiffeError `ERR_JWT_EXPIRED` for an SVID that has expired.
 */
export function createWorkloadProof(svid: WitSvid, options: CreateProofOptions): string {
  const now = options.now ?? Date.now();
  const { claims } = parseWit(svid.token);
  if (now >= claims.expiresAt) {
    throw new SpiffeError('ERR_JWT_EXPIRED', 'Cannot make workload proof token: the WIT-SVID has expired');
  }
  // Whole seconds, and never above the life of the key.
  const expiresAt = Math.min(now + (options.lifetimeMs ?? DEFAULT_LIFETIME_MS), claims.expiresAt);
  const other = Object.entries(options.otherTokens ?? {});
  const header = { alg: claims.confirmationAlgorithm.name, typ: 'wpt+jwt' };
  const body = {
    aud: cutAudience(options.audience),
    exp: Math.ceil(expiresAt / 1000),
    jti: randomBytes(JTI_BYTES).toString('base64url'),
    wth: hashToken(svid.token),
    ...(options.txnToken === undefined ? {} : { tth: hashToken(options.txnToken) }),
    ...(other.length === 0
      ? {}
      : {
          oth: Object.fromEntries(
            other.map(([name, value]) => [name.toLowerCase(), hashToken(value.trim())]),
          ),
        }),
  };
  const signed = [header, body]
    .map((part) => Buffer.from(JSON.stringify(part), 'utf8').toString('base64url'))
    .join('.');
  const signature = signJws(Buffer.from(signed, 'latin1'), claims.confirmationAlgorithm, svid.privateKey);
  return `${signed}.${signature.toString('base64url')}`;
}

/** A URI without query and fragment. */
export function cutAudience(uri: string): string {
  return uri.replace(/[?#].*$/s, '');
}

/** The hash by which a proof names a token. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token, 'latin1').digest('base64url');
}

function signJws(bytes: Buffer, algorithm: JwtAlgorithm, key: KeyObject): Buffer {
  if (algorithm.keyType === 'ec') {
    return sign(algorithm.hash, bytes, { key, dsaEncoding: 'ieee-p1363' });
  }
  if (algorithm.isPss === true) {
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
    return sign(algorithm.hash, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  }
  return sign(algorithm.hash, bytes, key);
}
