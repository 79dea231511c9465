import type { SpiffeBundle } from '../bundle/spiffe-bundle.ts';
import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { quote } from '../internal/quote.ts';
import type { Certificate } from '../x509/certificate.ts';
import { GENERAL_NAME } from '../x509/name-constraints.ts';
import type { OwnTrustDomain } from './endpoint.ts';

/**
 * Checks that a fetched bundle may take the place of the one before. Throws SpiffeError `ERR_BUNDLE_TRUST_DOMAIN` for one
 * that is another trust domain's by its contents, and `ERR_BUNDLE_ROLLBACK` for one that is older by its sequence number.
 * A bundle without a number counts as the newest (SPIFFE Federation section 4.2), and one without keys as what it says:
 * nothing of the trust domain is to be believed any more.
 */
export function checkFetchedBundle(
  bundle: SpiffeBundle,
  previous: SpiffeBundle | undefined,
  own: OwnTrustDomain | undefined,
): void {
  const foreign = bundle.x509Bundle.certificates
    .flatMap(listSpiffeUris)
    .find((uri) => !isWithin(uri, bundle.trustDomain));
  if (foreign !== undefined) {
    throw wrongTrustDomain(bundle, `an authority in it is that of ${quote(foreign)}`);
  }
  if (own !== undefined && hasKeyOf(bundle, own)) {
    throw wrongTrustDomain(bundle, `a key in it is one of the own trust domain "${own.trustDomain.name}"`);
  }
  const before = previous?.sequence;
  if (before !== undefined && bundle.sequence !== undefined && bundle.sequence < before) {
    throw new SpiffeError(
      'ERR_BUNDLE_ROLLBACK',
      `Cannot take the bundle of "${bundle.trustDomain.name}": its sequence number ${bundle.sequence} must not be below ${before}`,
    );
  }
}

/** An authority may carry the ID of its trust domain (X509-SVID section 3.2); this is what tells whose it is. */
function listSpiffeUris(certificate: Certificate): string[] {
  return (certificate.extensions.subjectAltName?.names ?? [])
    .filter((name) => name.tag === GENERAL_NAME.URI)
    .map((name) => Buffer.from(name.contents).toString('latin1').toLowerCase())
    .filter((uri) => uri.startsWith('spiffe:'));
}

function isWithin(uri: string, trustDomain: TrustDomain): boolean {
  return uri === trustDomain.id || uri.startsWith(`${trustDomain.id}/`);
}

function hasKeyOf(bundle: SpiffeBundle, own: OwnTrustDomain): boolean {
  const ownX509 = own.getX509Bundle?.(own.trustDomain)?.certificates ?? [];
  const ownJwt = own.getJwtBundle?.(own.trustDomain)?.authorities ?? [];
  return (
    bundle.x509Bundle.certificates.some(({ spki }) =>
      ownX509.some((certificate) => Buffer.compare(certificate.spki, spki) === 0),
    ) ||
    bundle.jwtBundle.authorities.some(({ publicKey }) =>
      ownJwt.some((authority) => authority.publicKey.equals(publicKey)),
    )
  );
}

function wrongTrustDomain(bundle: SpiffeBundle, reason: string): SpiffeError {
  return new SpiffeError(
    'ERR_BUNDLE_TRUST_DOMAIN',
    `Cannot take the bundle of "${bundle.trustDomain.name}": ${reason}`,
  );
}
