import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { inspect } from 'node:util';

import { SpiffeError } from '../errors.ts';
import type { SpiffeId } from '../id/spiffe-id.ts';
import { encodePem } from '../internal/pem.ts';
import { DER_TAG, readDer } from '../wire/der/reader.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates } from '../x509/certificate.ts';
import { checkPublicKey } from '../x509/public-key.ts';
import { checkLeaf, MAX_CHAIN_LENGTH } from './x509-leaf.ts';

/** An X.509-SVID of one's own (X509-SVID section 2), with its private key. Printing it does not show the key. */
export interface X509Svid {
  readonly id: SpiffeId;
  /** One certificate in DER each, leaf first. */
  readonly certificates: readonly Uint8Array[];
  readonly privateKey: KeyObject;
  /** Ms since the epoch. */
  readonly notBeforeAt: number;
  /** notAfter of the leaf, ms since the epoch. */
  readonly expiresAt: number;
  /** What the issuer says it is for. */
  readonly hint?: string;
}

/**
 * Reads an SVID from concatenated DER certificates, leaf first, and a PKCS#8 key in DER, and checks that they belong
 * together and that the form of each certificate is the one X509-SVID (sections 2 and 4) asks for. Does not look at the time and does not
 * verify the chain. Throws SpiffeError `ERR_SVID_...`, `ERR_CA_...` or `ERR_CERTIFICATE_...`.
 */
export function parseX509Svid(
  chainDer: Uint8Array,
  pkcs8: Uint8Array,
  options: { readonly hint?: string | undefined } = {},
): X509Svid {
  const [leaf, ...intermediates] = parseCertificates(Uint8Array.from(chainDer), MAX_CHAIN_LENGTH);
  if (leaf === undefined) {
    throw new SpiffeError(
      'ERR_SVID_CHAIN_EMPTY',
      'Cannot parse X.509-SVID: there must be at least one certificate',
    );
  }
  const id = checkLeaf(leaf);
  intermediates.forEach(checkIntermediate);
  const privateKey = parsePrivateKey(pkcs8);
  if (!isKeyPair(privateKey, leaf)) {
    throw new SpiffeError(
      'ERR_SVID_KEY_MISMATCH',
      `Cannot parse X.509-SVID of "${id.toString()}": the private key is not the leaf's`,
    );
  }
  const svid: X509Svid = {
    id,
    certificates: Object.freeze([leaf, ...intermediates].map((certificate) => certificate.bytes)),
    privateKey,
    notBeforeAt: leaf.notBeforeAt,
    expiresAt: leaf.expiresAt,
    ...(options.hint === undefined || options.hint === '' ? {} : { hint: options.hint }),
  };
  const summary = (): object => ({
    id: id.toString(),
    notBeforeAt: svid.notBeforeAt,
    expiresAt: svid.expiresAt,
    hint: svid.hint,
  });
  Object.defineProperties(svid, { toJSON: { value: summary }, [inspect.custom]: { value: summary } });
  return Object.freeze(svid);
}

/** The certificates as PEM, leaf first, for the `cert` option of node:tls. Never throws. */
export function marshalCertificatesPem(svid: X509Svid): string {
  return svid.certificates.map((bytes) => encodePem('CERTIFICATE', bytes)).join('');
}

/** The private key as unencrypted PKCS#8 PEM, for the `key` option of node:tls. The caller keeps it secret. Never throws. */
export function marshalPrivateKeyPem(svid: X509Svid): string {
  return svid.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
}

function checkIntermediate(certificate: Certificate): void {
  if (certificate.extensions.basicConstraints?.isCa !== true) {
    throw new SpiffeError(
      'ERR_CA_NOT_CA',
      'Cannot parse X.509-SVID: each certificate after the leaf must have cA true',
    );
  }
  if (certificate.extensions.keyUsage === undefined) {
    throw new SpiffeError(
      'ERR_CA_KEY_USAGE_MISSING',
      'Cannot parse X.509-SVID: each certificate after the leaf must have key usage',
    );
  }
  if (!certificate.extensions.keyUsage.hasKeyCertSign) {
    throw new SpiffeError(
      'ERR_CA_KEY_CERT_SIGN',
      'Cannot parse X.509-SVID: each certificate after the leaf must have keyCertSign',
    );
  }
  checkPublicKey(certificate.spki);
}

function parsePrivateKey(pkcs8: Uint8Array): KeyObject {
  try {
    // OpenSSL reads the first structure and ignores what follows, so the whole is measured first.
    const whole = readDer(pkcs8);
    if (whole.tag !== DER_TAG.SEQUENCE) {
      throw new TypeError('not a sequence');
    }
    return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  } catch {
    // No cause: an error of the key parser is of no use to anybody and is close to the key.
    throw new SpiffeError(
      'ERR_SVID_KEY_MALFORMED',
      'Cannot parse X.509-SVID: the private key must be one unencrypted PKCS#8 structure',
    );
  }
}

function isKeyPair(privateKey: KeyObject, leaf: Certificate): boolean {
  return createPublicKey(privateKey).equals(leaf.publicKey);
}
