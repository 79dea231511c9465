import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { inspect } from 'node:util';

import { parseJwk } from '../../bundle/jwk.ts';
import { SpiffeError } from '../../errors.ts';
import type { SpiffeId } from '../../id/spiffe-id.ts';
import { isJsonObject } from '../../internal/json.ts';
import { JWT_ALGORITHMS } from '../../svid/jwt-algorithms.ts';
import type { JwtAlgorithm } from '../../svid/jwt-algorithms.ts';
import { faults, parseSubject, parseTimes } from '../../svid/token-rules.ts';
import { parseCompactJws } from './jws.ts';
import type { CompactJws } from './jws.ts';

const WIT = { name: 'WIT-SVID', type: 'wit+jwt', isTypeExact: true };
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const fault = faults(WIT.name);

/** What a WIT-SVID says. Instants are in ms since the epoch. */
export interface WitClaims {
  readonly id: SpiffeId;
  readonly expiresAt: number;
  readonly notBeforeAt: number | undefined;
  readonly issuedAt: number | undefined;
  readonly jti: string | undefined;
  /** The key whose possession must be proven (`cnf.jwk`). */
  readonly confirmationKey: KeyObject;
  /** The algorithm that the proof must be signed with (`cnf.jwk.alg`). */
  readonly confirmationAlgorithm: JwtAlgorithm;
  readonly all: Readonly<Record<string, unknown>>;
}

export interface ParsedWit {
  readonly jws: CompactJws;
  readonly keyId: string;
  readonly claims: WitClaims;
}

/** A WIT-SVID of one's own with its private key. Instants are in ms since the epoch. Neither the token nor the key shows in JSON, in `util.inspect` or in a copy by spread. */
export interface WitSvid {
  readonly id: SpiffeId;
  readonly expiresAt: number;
  readonly token: string;
  readonly privateKey: KeyObject;
  /** What the issuer says it is for. */
  readonly hint?: string;
}

/** Reads header and claims of a WIT-SVID (SPIFFE WIT-SVID sections 2 and 3). Compares nothing with the time and verifies nothing. Throws SpiffeError `ERR_JWT_...`, `ERR_JSON_...` or `ERR_WIT_...`. */
export function parseWit(token: string, maxTokenLength?: number): ParsedWit {
  const jws = parseCompactJws(token, WIT, maxTokenLength);
  if (jws.keyId === undefined) {
    throw fault('ERR_JWT_KEY_ID', 'the key ID must be there');
  }
  return { jws, keyId: jws.keyId, claims: parseClaims(jws.claims) };
}

/**
 * Reads a WIT-SVID that the issuer handed out to oneself, with the private key of its `cnf.jwk`. Neither signature nor
 * time are verified. Throws as `verifyWitRequest` for the form, and SpiffeError `ERR_SVID_KEY_MISMATCH` for another key.
 */
export function parseUnverifiedWitSvid(
  token: string,
  privateKey: KeyObject,
  options: { readonly hint?: string | undefined } = {},
): WitSvid {
  const { claims } = parseWit(token);
  const isOwn = privateKey.type === 'private' && createPublicKey(privateKey).equals(claims.confirmationKey);
  if (!isOwn) {
    throw new SpiffeError(
      'ERR_SVID_KEY_MISMATCH',
      'Cannot use WIT-SVID: the private key must be that of its confirmation claim',
    );
  }
  const { hint } = options;
  const shown = {
    id: claims.id,
    expiresAt: claims.expiresAt,
    ...(hint === undefined || hint === '' ? {} : { hint }),
  };
  const summary = (): object => ({ ...shown, id: claims.id.toString() });
  const svid = Object.defineProperties(
    { ...shown },
    {
      token: { value: token },
      privateKey: { value: privateKey },
      toJSON: { value: summary },
      [inspect.custom]: { value: summary },
    },
  );
  return Object.freeze(svid) as WitSvid;
}

function parseClaims(claims: Readonly<Record<string, unknown>>): WitClaims {
  const { sub, jti } = claims;
  if (Object.hasOwn(claims, 'aud')) {
    throw fault('ERR_WIT_AUDIENCE', 'it must not have an audience');
  }
  const { expiresAt, notBeforeAt, issuedAt } = parseTimes(claims, WIT.name);
  return {
    id: parseSubject(sub, WIT.name),
    expiresAt,
    notBeforeAt,
    issuedAt,
    jti: typeof jti === 'string' ? jti : undefined,
    ...parseConfirmation(claims['cnf']),
    all: Object.freeze(claims),
  };
}

function parseConfirmation(cnf: unknown): Pick<WitClaims, 'confirmationKey' | 'confirmationAlgorithm'> {
  const jwk = isJsonObject(cnf) ? cnf['jwk'] : undefined;
  if (!isJsonObject(jwk)) {
    throw fault('ERR_WIT_CONFIRMATION', '"cnf.jwk" must be a public key');
  }
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) {
    throw fault('ERR_WIT_CONFIRMATION', '"cnf.jwk" must have no private members');
  }
  const { alg } = jwk;
  const algorithm = typeof alg === 'string' ? JWT_ALGORITHMS.get(alg) : undefined;
  if (algorithm === undefined) {
    throw fault('ERR_WIT_CONFIRMATION', '"cnf.jwk" must have an "alg" that is allowed');
  }
  const key = parseJwk(jwk);
  if (typeof key === 'string') {
    throw fault('ERR_WIT_CONFIRMATION', `"cnf.jwk" is not usable: ${key}`);
  }
  const isFitting =
    key.asymmetricKeyType === algorithm.keyType &&
    (algorithm.curve === undefined || key.asymmetricKeyDetails?.namedCurve === algorithm.curve);
  if (!isFitting) {
    throw fault('ERR_WIT_CONFIRMATION', 'the key in "cnf.jwk" must be one for its "alg"');
  }
  return { confirmationKey: key, confirmationAlgorithm: algorithm };
}
