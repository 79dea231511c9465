import { JwtBundleSet } from '../bundle/bundle-set.ts';
import { JwtBundle } from '../bundle/jwt-bundle.ts';
import { SpiffeError } from '../errors.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import { decodeUtf8, isJsonObject, parseStrictJson } from '../internal/json.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Writes JWT bundles as spiffe-helper does: an object with a JWKS document in base64 per name of a trust domain. */
export function marshalJwtBundleFile(bundles: Iterable<JwtBundle>): string {
  const entries = Array.from(
    bundles,
    (bundle) => [bundle.trustDomain.name, Buffer.from(bundle.toJwks()).toString('base64')] as const,
  );
  return JSON.stringify(Object.fromEntries(entries));
}

/** Reads what `marshalJwtBundleFile` writes, at least one bundle. Keys without `use` are taken, since SPIRE sends none. Throws SpiffeError `ERR_FILE_MALFORMED`, or `ERR_BUNDLE_MALFORMED` for a document in it. */
export function parseJwtBundleFile(bytes: Uint8Array, what: string): JwtBundleSet {
  const members = parse(bytes, what);
  if (!isJsonObject(members) || Object.keys(members).length === 0) {
    throw malformed(what, 'it must be an object with a bundle per trust domain');
  }
  return new JwtBundleSet(
    Object.entries(members).map(([name, document]) => {
      if (typeof document !== 'string' || !BASE64.test(document)) {
        throw malformed(what, 'each bundle must be in base64');
      }
      return JwtBundle.fromJwks(TrustDomain.parse(name), Buffer.from(document, 'base64'));
    }),
  );
}

function parse(bytes: Uint8Array, what: string): unknown {
  try {
    return parseStrictJson(decodeUtf8(bytes));
  } catch (error) {
    throw malformed(what, 'it must be JSON without repeated members', error);
  }
}

function malformed(what: string, reason: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_FILE_MALFORMED', `Cannot read ${what}: ${reason}`, { cause });
}
