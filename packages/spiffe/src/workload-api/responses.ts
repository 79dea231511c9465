import { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import { JwtBundle } from '../bundle/jwt-bundle.ts';
import { X509Bundle } from '../bundle/x509-bundle.ts';
import { isSpiffeError, SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import { quote } from '../internal/quote.ts';
import { parseUnverifiedJwtSvid } from '../svid/jwt-svid.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { parseX509Svid } from '../svid/x509-svid.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import type { JwtSvidMessage, X509SvidMessage, X509SvidResponse } from '../wire/messages/workload-api.ts';
import { checkBundleLimits, checkLimit, DEFAULT_LIMITS } from './limits.ts';
import type { CheckedLimits } from './limits.ts';

const ID_PREFIX = 'spiffe://';
const MAX_HINT_BYTES = 1024;

/** The X.509 identities of the caller and the bundles to verify peers with: one message of the Workload API. */
export interface X509Context {
  /** At least one; the first is the default identity. */
  readonly svids: readonly X509Svid[];
  readonly bundles: X509BundleSet;
}

/**
 * Reads a FetchX509SVID response. A bad SVID, or a bad bundle of an own trust domain, spoils it as a whole. A federated
 * bundle that cannot be read is left out and listed, since nobody in another trust domain shall be able to keep the own
 * SVID from being renewed; peers from there are then refused. Throws SpiffeError.
 */
export function parseX509Context(
  response: X509SvidResponse,
  limits: CheckedLimits = DEFAULT_LIMITS,
): X509Context {
  if (response.svids.length === 0) {
    // A mandatory field at its default: the message is discarded (SPIFFE Workload API section 4.5).
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint answered without any X.509-SVID');
  }
  checkLimit('X.509-SVIDs', response.svids.length, limits.maxSvids);
  const federated = readX509Bundles(response.federatedBundles, limits);
  const svids = response.svids.map(parseX509SvidMessage);
  const own = response.svids.map((message, index) => {
    checkLimit('bytes of a bundle', message.bundle.length, limits.maxBundleBytes);
    return X509Bundle.fromDer(svids[index]!.id.trustDomain, message.bundle, { malformed: 'skip' });
  });
  const bundles = new X509BundleSet([...federated.bundles, ...own], { ignored: federated.ignored });
  return { svids: Object.freeze(dropRepeatedHints(svids)), bundles };
}

function parseX509SvidMessage(message: X509SvidMessage): X509Svid {
  if (message.bundle.length === 0) {
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint sent an X.509-SVID without its bundle');
  }
  const svid = parseX509Svid(message.x509Svid, message.x509SvidKey, { hint: checkHint(message.hint) });
  checkSameId(svid.id, message.spiffeId);
  return svid;
}

/**
 * Reads a map from trust domain IDs to concatenated DER. An authority that cannot be read is passed over and listed, and
 * so is a bundle of which nothing can be read; without any bundle left the message is refused. Throws SpiffeError.
 */
export function parseX509Bundles(
  messages: ReadonlyMap<string, Uint8Array>,
  limits: CheckedLimits = DEFAULT_LIMITS,
): X509BundleSet {
  checkNotEmpty(messages);
  const { bundles, ignored, lastError } = readX509Bundles(messages, limits);
  if (lastError !== undefined && bundles.length === 0) {
    throw lastError;
  }
  return new X509BundleSet(bundles, { ignored });
}

function readX509Bundles(
  messages: ReadonlyMap<string, Uint8Array>,
  limits: CheckedLimits,
): ReadBundles<X509Bundle> {
  return readBundles(messages, limits, (trustDomain, bytes) =>
    X509Bundle.fromDer(trustDomain, bytes, { malformed: 'skip' }),
  );
}

/**
 * Reads a map from trust domain IDs to JWKS documents. Keys without `use` are taken, since SPIRE sends none. Keys and
 * bundles that cannot be read are dealt with as in `parseX509Bundles`.
 */
export function parseJwtBundles(
  messages: ReadonlyMap<string, Uint8Array>,
  limits: CheckedLimits = DEFAULT_LIMITS,
): JwtBundleSet {
  checkNotEmpty(messages);
  const { bundles, ignored, lastError } = readBundles(messages, limits, (trustDomain, bytes) =>
    JwtBundle.fromJwks(trustDomain, bytes),
  );
  if (lastError !== undefined && bundles.length === 0) {
    throw lastError;
  }
  return new JwtBundleSet(bundles, { ignored });
}

interface ReadBundles<B> {
  readonly bundles: readonly B[];
  readonly ignored: readonly string[];
  readonly lastError: SpiffeError | undefined;
}

function readBundles<B>(
  messages: ReadonlyMap<string, Uint8Array>,
  limits: CheckedLimits,
  read: (trustDomain: TrustDomain, bytes: Uint8Array) => B,
): ReadBundles<B> {
  checkBundleLimits(messages, limits);
  const bundles: B[] = [];
  const ignored: string[] = [];
  let lastError: SpiffeError | undefined;
  for (const [key, bytes] of messages) {
    try {
      bundles.push(read(parseTrustDomainKey(key), bytes));
    } catch (error) {
      if (!isSpiffeError(error)) {
        throw error;
      }
      lastError = error;
      ignored.push(error.message);
    }
  }
  return { bundles, ignored, lastError };
}

/** `bundles` is mandatory, with the own trust domain's at least, so none at all is a fault and no instruction to trust nobody (SPIFFE Workload API sections 4.5, 5.2.2 and 6.2.2). */
function checkNotEmpty(messages: ReadonlyMap<string, Uint8Array>): void {
  if (messages.size === 0) {
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint answered without any bundle');
  }
}

/** What is worth telling about bundles that were taken: parts that were passed over, and bundles that trust nobody. */
export function listIgnored(bundles: X509BundleSet | JwtBundleSet): SpiffeError[] {
  const ignored = bundles.ignored.map(
    (reason) => new SpiffeError('ERR_BUNDLE_ENTRY_IGNORED', `Part of the bundles is passed over: ${reason}`),
  );
  const empty = [...bundles]
    .filter(({ isEmpty }) => isEmpty)
    .map(
      ({ trustDomain }) =>
        new SpiffeError(
          'ERR_BUNDLE_EMPTY',
          `The bundle of "${trustDomain.name}" has no key: nothing of it is trusted`,
        ),
    );
  return [...ignored, ...empty];
}

/** Reads a FetchJWTSVID response. Each token must be for the audience that was asked for. `spiffeId` keeps only that identity. */
export function parseJwtSvids(
  messages: readonly JwtSvidMessage[],
  request: { readonly audience: readonly string[]; readonly spiffeId?: string | undefined },
  limits: CheckedLimits = DEFAULT_LIMITS,
): JwtSvid[] {
  checkLimit('JWT-SVIDs', messages.length, limits.maxSvids);
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

export function checkSameId(inside: SpiffeId, beside: string): void {
  if (inside.toString() !== beside) {
    throw new SpiffeError(
      'ERR_SVID_ID_MISMATCH',
      `The endpoint sent the SVID of "${inside.toString()}" as that of ${quote(beside)}`,
    );
  }
}

export function checkHint(hint: string): string {
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
export function parseTrustDomainKey(key: string): TrustDomain {
  return TrustDomain.parse(key.startsWith(ID_PREFIX) ? key.slice(ID_PREFIX.length) : key);
}
