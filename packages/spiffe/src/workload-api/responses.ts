import { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import { JwtBundle } from '../bundle/jwt-bundle.ts';
import { X509Bundle } from '../bundle/x509-bundle.ts';
import { SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import { quote } from '../internal/quote.ts';
import { parseUnverifiedJwtSvid } from '../svid/jwt-svid.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { parseX509Svid } from '../svid/x509-svid.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import type { JwtSvidMessage, X509SvidMessage, X509SvidResponse } from '../wire/messages/workload-api.ts';

const ID_PREFIX = 'spiffe://';
const MAX_HINT_BYTES = 1024;

/** The X.509 identities of the caller and the bundles to verify peers with: one message of the Workload API. */
export interface X509Context {
  /** At least one; the first is the default identity. */
  readonly svids: readonly X509Svid[];
  readonly bundles: X509BundleSet;
}

/** Reads a FetchX509SVID response as a whole: one bad part spoils it. Throws SpiffeError; `ERR_NO_IDENTITY` when it holds no SVID. */
export function parseX509Context(response: X509SvidResponse): X509Context {
  if (response.svids.length === 0) {
    throw new SpiffeError('ERR_NO_IDENTITY', 'The endpoint answered without any X.509-SVID');
  }
  const svids = response.svids.map(parseX509SvidMessage);
  const bundles = parseX509Bundles(response.federatedBundles);
  const own = response.svids.map((message, index) =>
    X509Bundle.fromDer(svids[index]!.id.trustDomain, message.bundle),
  );
  return { svids: dropRepeatedHints(svids), bundles: new X509BundleSet([...bundles, ...own]) };
}

function parseX509SvidMessage(message: X509SvidMessage): X509Svid {
  if (message.bundle.length === 0) {
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint sent an X.509-SVID without its bundle');
  }
  const svid = parseX509Svid(message.x509Svid, message.x509SvidKey, { hint: checkHint(message.hint) });
  checkSameId(svid.id, message.spiffeId);
  return svid;
}

/** Reads a map from trust domain IDs to concatenated DER. */
export function parseX509Bundles(bundles: ReadonlyMap<string, Uint8Array>): X509BundleSet {
  return new X509BundleSet(
    [...bundles].map(([key, bytes]) => X509Bundle.fromDer(parseTrustDomainKey(key), bytes)),
  );
}

/** Reads a map from trust domain IDs to JWKS documents. Keys without `use` are taken, since SPIRE sends none. */
export function parseJwtBundles(bundles: ReadonlyMap<string, Uint8Array>): JwtBundleSet {
  return new JwtBundleSet(
    [...bundles].map(([key, bytes]) => JwtBundle.fromJwks(parseTrustDomainKey(key), bytes)),
  );
}

/** Reads a FetchJWTSVID response. Each token must be for the audience that was asked for. `spiffeId` keeps only that identity. */
export function parseJwtSvids(
  messages: readonly JwtSvidMessage[],
  request: { readonly audience: readonly string[]; readonly spiffeId?: string | undefined },
): JwtSvid[] {
  const svids = messages.map((message) => {
    const svid = parseUnverifiedJwtSvid(message.svid, { hint: checkHint(message.hint) });
    checkSameId(svid.id, message.spiffeId);
    return svid;
  });
  const wanted = svids.filter(
    (svid) => request.spiffeId === undefined || svid.id.toString() === request.spiffeId,
  );
  if (wanted.length === 0) {
    throw new SpiffeError('ERR_NO_IDENTITY', 'The endpoint answered without the JWT-SVID that was asked for');
  }
  if (!wanted.every((svid) => request.audience.every((audience) => svid.audience.includes(audience)))) {
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint sent a JWT-SVID for another audience');
  }
  return dropRepeatedHints(wanted);
}

/** Refuses a request that every endpoint would refuse. */
export function checkAudience(audience: readonly string[]): void {
  if (audience.length === 0 || audience.includes('')) {
    throw new SpiffeError(
      'ERR_REQUEST_REFUSED',
      'Cannot fetch JWT-SVID: there must be an audience, and none may be empty',
    );
  }
}

function checkSameId(inside: SpiffeId, beside: string): void {
  if (inside.toString() !== beside) {
    throw new SpiffeError(
      'ERR_SVID_ID_MISMATCH',
      `The endpoint sent the SVID of "${inside.toString()}" as that of ${quote(beside)}`,
    );
  }
}

function checkHint(hint: string): string {
  if (Buffer.byteLength(hint) > MAX_HINT_BYTES) {
    throw new SpiffeError(
      'ERR_ENDPOINT_RESPONSE',
      `The endpoint sent a hint of more than ${MAX_HINT_BYTES} bytes`,
    );
  }
  return hint;
}

/** Of two SVIDs with the same hint the first has it. The second stays, so that it can still be found by its ID. */
function dropRepeatedHints<S extends { readonly id: SpiffeId; readonly hint?: string }>(
  svids: readonly S[],
): S[] {
  const seen = new Set<string>();
  return svids.map((svid) => {
    const isRepeated = svid.hint !== undefined && seen.has(svid.hint);
    if (svid.hint !== undefined) {
      seen.add(svid.hint);
    }
    return isRepeated ? withoutHint(svid) : svid;
  });
}

function withoutHint<S extends object>(svid: S): S {
  const { hint: _hint, ...descriptors } = Object.getOwnPropertyDescriptors(svid) as PropertyDescriptorMap;
  return Object.freeze(Object.create(Object.getPrototypeOf(svid) as object, descriptors)) as S;
}

/** Map keys are trust domain IDs; a bare name, as some servers send it, is taken too. */
function parseTrustDomainKey(key: string): TrustDomain {
  return TrustDomain.parse(key.startsWith(ID_PREFIX) ? key.slice(ID_PREFIX.length) : key);
}
