import { signNatsJwt } from '@muster/lattice';
import type { Nkey, Xkey } from '@muster/lattice';
import type { AuthorizationRequest } from './authorization-request.ts';
import { MAX_USER_TTL_MS } from './rule-document.ts';
import type { Grant } from './rules.ts';

/** Share of a life that is taken off at random, so that clients that came together do not leave together. */
const JITTER_SHARE = 0.1;

export interface AnswerSigner {
  readonly issuer: Nkey;
  readonly xkey: Xkey;
}

/** What every refused client gets, whatever the reason was. */
const REFUSAL = 'denied';

/** When the server will end a connection that is let in at `now`: whole seconds, never more than one hour away. */
export function chooseUserExpiry(ttlMs: number, now: number, random: () => number = Math.random): number {
  const bounded = Math.min(ttlMs, MAX_USER_TTL_MS) * (1 - JITTER_SHARE * random());
  // Not rounded up: `exp` equal to "now" would let the client in and throw it out at once, so at least one second stays.
  return Math.max(Math.floor((now + bounded) / 1_000), Math.floor(now / 1_000) + 1) * 1_000;
}

/*
 * Claims are spliced as text, not built as objects: this runs once per connect. Every spliced value is an nkey, a number,
 * text of a checked character set (SPIFFE ID, account) or already JSON.
 */

/** The sealed answer that lets the client in as `spiffeId` with what `grant` says, until `expiresAt`. */
export function sealGrant(
  signer: AnswerSigner,
  request: AuthorizationRequest,
  spiffeId: string,
  grant: Grant,
  times: { readonly now: number; readonly expiresAt: number },
): Uint8Array {
  const issuedAt = Math.floor(times.now / 1_000);
  const user = signNatsJwt(
    `{"iss":"${signer.issuer.publicKey}","sub":"${request.userNkey}","aud":"${grant.account}","name":"${spiffeId}",` +
      `"iat":${issuedAt},"exp":${times.expiresAt / 1_000},"nats":{"type":"user","version":2,${grant.permissionsJson},` +
      `"subs":-1,"data":-1,"payload":-1}}`,
    signer.issuer,
  );
  return sealResponse(signer, request, issuedAt, `"jwt":"${user}"`);
}

/** The sealed answer that refuses; it is the same for every reason. */
export function sealRefusal(signer: AnswerSigner, request: AuthorizationRequest, now: number): Uint8Array {
  return sealResponse(signer, request, Math.floor(now / 1_000), `"error":"${REFUSAL}"`);
}

function sealResponse(
  signer: AnswerSigner,
  request: AuthorizationRequest,
  issuedAt: number,
  result: string,
): Uint8Array {
  const response = signNatsJwt(
    `{"iss":"${signer.issuer.publicKey}","sub":"${request.userNkey}","aud":"${request.server.id}","iat":${issuedAt},` +
      `"nats":{"type":"authorization_response","version":2,${result}}}`,
    signer.issuer,
  );
  return signer.xkey.seal(Buffer.from(response, 'latin1'), request.server.xkey);
}
