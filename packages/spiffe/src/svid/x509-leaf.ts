import { SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { readDer } from '../wire/der/reader.ts';
import type { Certificate } from '../x509/certificate.ts';
import { GENERAL_NAME } from '../x509/name-constraints.ts';
import { OID } from '../x509/oid.ts';
import { checkCriticalExtensions, checkSerialNumber } from '../x509/path.ts';

/** Most certificates a chain may have, the leaf included. */
export const MAX_CHAIN_LENGTH = 8;

/** Checks all that X509-SVID (sections 2, 4 and 5) asks of a leaf by itself, and returns its SPIFFE ID. Does not look at the time. */
export function checkLeaf(leaf: Certificate): SpiffeId {
  const id = parseLeafId(leaf);
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltName } = leaf.extensions;
  if (basicConstraints?.isCa === true) {
    throw leafFault('ERR_SVID_LEAF_IS_CA', 'the leaf must not have cA true');
  }
  if (basicConstraints?.pathLength !== undefined) {
    throw leafFault('ERR_SVID_PATH_LENGTH', 'the leaf must not have a path length constraint');
  }
  if (keyUsage === undefined) {
    throw leafFault('ERR_SVID_KEY_USAGE_MISSING', 'the leaf must have a key usage extension');
  }
  if (!keyUsage.isCritical) {
    throw leafFault('ERR_SVID_KEY_USAGE_NOT_CRITICAL', 'the key usage of the leaf must be critical');
  }
  if (!keyUsage.hasDigitalSignature) {
    throw leafFault('ERR_SVID_DIGITAL_SIGNATURE_MISSING', 'the leaf must have key usage digitalSignature');
  }
  if (keyUsage.hasKeyCertSign) {
    throw leafFault('ERR_SVID_KEY_CERT_SIGN', 'the leaf must not have key usage keyCertSign');
  }
  if (keyUsage.hasCrlSign) {
    throw leafFault('ERR_SVID_CRL_SIGN', 'the leaf must not have key usage cRLSign');
  }
  const isExtendedKeyUsageFine =
    extendedKeyUsage === undefined ||
    (extendedKeyUsage.includes(OID.SERVER_AUTH) && extendedKeyUsage.includes(OID.CLIENT_AUTH));
  if (!isExtendedKeyUsageFine) {
    throw leafFault(
      'ERR_SVID_EXTENDED_KEY_USAGE',
      'the extended key usage of the leaf must have serverAuth and clientAuth',
    );
  }
  if (leaf.isSubjectEmpty && subjectAltName?.isCritical !== true) {
    throw leafFault(
      'ERR_CERTIFICATE_SAN_NOT_CRITICAL',
      'the subject is empty, so the subject alternative name must be critical',
    );
  }
  checkCriticalExtensions(leaf);
  checkSerialNumber(leaf);
  if (readDer(leaf.issuer).contents.length === 0) {
    throw leafFault('ERR_CERTIFICATE_ISSUER_EMPTY', 'the leaf must name its issuer');
  }
  return id;
}

function parseLeafId(leaf: Certificate): SpiffeId {
  const uris = (leaf.extensions.subjectAltName?.names ?? []).filter((name) => name.tag === GENERAL_NAME.URI);
  const [uri] = uris;
  if (uri === undefined) {
    throw leafFault('ERR_SVID_URI_SAN_MISSING', 'the leaf must have one URI subject alternative name');
  }
  if (uris.length > 1) {
    throw leafFault('ERR_SVID_URI_SAN_MULTIPLE', 'the leaf must have only one URI subject alternative name');
  }
  let id: SpiffeId;
  try {
    id = SpiffeId.parse(Buffer.from(uri.contents).toString('latin1'));
  } catch (error) {
    throw new SpiffeError(
      'ERR_SVID_URI_SAN_INVALID',
      'Cannot accept X.509-SVID: its URI subject alternative name must be a SPIFFE ID',
      {
        cause: error,
      },
    );
  }
  if (id.path === '') {
    throw leafFault('ERR_SVID_PATH_MISSING', `the SPIFFE ID "${id.toString()}" must have a path`);
  }
  return id;
}

function leafFault(code: SpiffeErrorCode, reason: string): SpiffeError {
  return new SpiffeError(code, `Cannot accept X.509-SVID: ${reason}`);
}
