import { X509Bundle } from '../bundle/x509-bundle.ts';
import { SpiffeError } from '../errors.ts';
import type { SpiffeId } from '../id/spiffe-id.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { parseX509Svid } from '../svid/x509-svid.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import type { SvidFileNames } from './layout.ts';
import { decodePem } from '../internal/pem.ts';
import type { SvidFiles } from './read.ts';

/** An SVID and the bundle of its trust domain, as they were read together. */
export interface FileIdentity {
  readonly svid: X509Svid;
  readonly bundle: X509Bundle;
}

/** What the files must hold to be taken. */
export interface ExpectedIdentity {
  readonly id: SpiffeId | undefined;
  readonly trustDomain: TrustDomain | undefined;
}

/**
 * Makes an identity of the three files: key and certificate belong together, the bundle is not empty, and the ID is the
 * one expected. The bundle is that of the SVID's own trust domain, since PEM does not say. Throws SpiffeError.
 */
export function parseSvidFiles(
  files: SvidFiles,
  names: SvidFileNames,
  expected: ExpectedIdentity,
): FileIdentity {
  const chain = decodePem(files.certificate.toString('latin1'), 'CERTIFICATE', `"${names.certificate}"`);
  const [key, ...more] = decodePem(files.key.toString('latin1'), 'PRIVATE KEY', `"${names.key}"`);
  if (key === undefined || more.length > 0) {
    throw new SpiffeError('ERR_FILE_MALFORMED', `Cannot read "${names.key}": it must have only one block`);
  }
  const svid = parseX509Svid(Buffer.concat(chain), key);
  checkExpected(svid.id, expected);
  const authorities = decodePem(files.bundle.toString('latin1'), 'CERTIFICATE', `"${names.bundle}"`);
  return { svid, bundle: X509Bundle.fromAuthorities(svid.id.trustDomain, authorities) };
}

/** Throws SpiffeError for an SVID that is out of its time, or older than the one held while that one is in its time. */
export function checkFresh(svid: X509Svid, held: X509Svid | undefined, now: number): void {
  const id = svid.id.toString();
  if (!(now < svid.expiresAt)) {
    throw new SpiffeError('ERR_SVID_EXPIRED', `Cannot take the X.509-SVID of "${id}": it has expired`);
  }
  if (now < svid.notBeforeAt) {
    throw new SpiffeError(
      'ERR_SVID_NOT_YET_VALID',
      `Cannot take the X.509-SVID of "${id}": it is not yet valid`,
    );
  }
  if (held !== undefined && now < held.expiresAt && svid.notBeforeAt < held.notBeforeAt) {
    throw new SpiffeError(
      'ERR_SVID_OUTDATED',
      `Cannot take the X.509-SVID of "${id}": it must not be older than the one that is held`,
    );
  }
}

function checkExpected(id: SpiffeId, expected: ExpectedIdentity): void {
  const isExpected =
    (expected.id?.equals(id) ?? true) && (expected.trustDomain?.equals(id.trustDomain) ?? true);
  if (!isExpected) {
    const wanted =
      expected.id === undefined
        ? `in trust domain "${expected.trustDomain?.name ?? ''}"`
        : `"${expected.id.toString()}"`;
    throw new SpiffeError(
      'ERR_SVID_ID_MISMATCH',
      `Cannot take the X.509-SVID of "${id.toString()}": its ID must be ${wanted}`,
    );
  }
}
