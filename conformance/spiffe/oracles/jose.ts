// The npm package jose as an oracle for tokens. It knows nothing of SPIFFE: it has RFC 7515 to 7519 to say.
import { errors, importJWK, type JWK, jwtVerify, type JWTVerifyOptions } from 'jose';
import type { JwtCase, Verdict } from './judge.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

/** Tries the keys that a user of jose would: those of the kid, or all where the token has none. */
export async function judgeByJose({ token, document, audience, at }: JwtCase): Promise<Verdict> {
  let reason = 'no key';
  for (const jwk of candidates(document, token)) {
    // To jose "use" is "sig" or nothing.
    const { use: _use, ...key } = jwk;
    const options: JWTVerifyOptions = {
      algorithms: ALGORITHMS,
      audience,
      currentDate: new Date(at),
      clockTolerance: 60,
      requiredClaims: ['sub', 'aud', 'exp'],
    };
    try {
      const algorithm = typeof key.alg === 'string' ? key.alg : algorithmOf(token);
      await jwtVerify(token, await importJWK(key, algorithm), options);
      return { isAccepted: true };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      reason =
        error instanceof errors.JOSEError
          ? `${error.code}: ${error.message}`
          : `${error.name}: ${error.message}`;
    }
  }
  return { isAccepted: false, reason };
}

function candidates(document: Uint8Array, token: string): JWK[] {
  const { keys } = JSON.parse(Buffer.from(document).toString('utf8')) as { keys: JWK[] };
  const kid = headerOf(token)['kid'];
  return kid === undefined ? keys : keys.filter((key) => key.kid === kid);
}

function algorithmOf(token: string): string {
  const alg = headerOf(token)['alg'];
  return typeof alg === 'string' ? alg : 'none';
}

function headerOf(token: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8')) as Record<
      string,
      unknown
    >;
  } catch {
    return {};
  }
}
