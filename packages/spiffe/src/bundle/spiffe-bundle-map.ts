import { SpiffeError } from '../errors.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import { isJsonObject } from '../internal/json.ts';
import { SpiffeBundleSet } from './bundle-set.ts';
import { parseDocument } from './jwks.ts';
import { readSpiffeBundle } from './spiffe-bundle.ts';
import type { SpiffeBundle } from './spiffe-bundle.ts';

const MAX_TRUST_DOMAINS = 1000;

/**
 * Reads a document with the bundles of several trust domains by their names: `{"trust_domains": {"example.org": ...}}`. A
 * name that is there twice is refused, and so is the whole document when one of its bundles is. Throws SpiffeError
 * `ERR_BUNDLE_MALFORMED`.
 */
export function parseSpiffeBundleSet(json: string | Uint8Array): SpiffeBundleSet {
  const { members, sequences } = parseDocument(json, 'trust_domains');
  const byName: unknown = members['trust_domains'];
  if (!isJsonObject(byName)) {
    throw malformed('it must be an object with an object "trust_domains"');
  }
  const entries = Object.entries(byName);
  if (entries.length > MAX_TRUST_DOMAINS) {
    throw malformed(`it must have at most ${MAX_TRUST_DOMAINS} trust domains`);
  }
  return new SpiffeBundleSet(
    entries.map(([name, bundle]) => {
      if (!isJsonObject(bundle)) {
        throw malformed('each bundle must be an object');
      }
      return readSpiffeBundle(parseName(name), bundle, sequences);
    }),
  );
}

/** Writes the document that `parseSpiffeBundleSet` reads. Never throws. */
export function marshalSpiffeBundleSet(bundles: Iterable<SpiffeBundle>): string {
  const members = Array.from(
    new SpiffeBundleSet(bundles),
    (bundle) => `${JSON.stringify(bundle.trustDomain.name)}:${bundle.toDocument()}`,
  );
  return `{"trust_domains":{${members.join(',')}}}`;
}

function parseName(name: string): TrustDomain {
  try {
    return TrustDomain.parse(name);
  } catch (error) {
    throw malformed('each member of "trust_domains" must be named by a trust domain', error);
  }
}

function malformed(wanted: string, cause?: unknown): SpiffeError {
  return new SpiffeError(
    'ERR_BUNDLE_MALFORMED',
    `Cannot read the bundles of several trust domains: ${wanted}`,
    {
      cause,
    },
  );
}
