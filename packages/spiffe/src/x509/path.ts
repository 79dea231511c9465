import { SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';
import type { Certificate } from './certificate.ts';
import type { IssuerCache } from './issuer-cache.ts';
import { findNameViolation, GENERAL_NAME, listEmailAttributes } from './name-constraints.ts';
import type { GeneralName, NameConstraints, NameViolation } from './name-constraints.ts';
import { OID } from './oid.ts';
import { SignedLinks } from './signed-links.ts';

const MAX_PATH_LENGTH = 8;
const MAX_NAME_COMPARISONS = 250_000;
// A long subtree takes as much time as several short ones.
const BYTES_PER_COMPARISON = 64;
const MAX_ISSUERS_TRIED = 256;
const MAX_SERIAL_NUMBER_BYTES = 20;
const NAME_FAULTS = {
  'not permitted': 'ERR_CA_NAME_NOT_PERMITTED',
  excluded: 'ERR_CA_NAME_EXCLUDED',
  unknown: 'ERR_CA_NAME_CONSTRAINT_UNKNOWN',
} as const satisfies Record<NameViolation, SpiffeErrorCode>;

/**
 * Finds a path from the leaf to one of the anchors and checks it (RFC 5280 section 6), in any order of the intermediates.
 * Every anchor counts, self-signed or not. Returns the path, leaf first and anchor last. The work is bounded. Throws the
 * SpiffeError of the first obstacle that was met, or `ERR_SVID_UNTRUSTED` when no issuer was found at all.
 */
export function findPath(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  anchors: readonly Certificate[],
  now: number,
  cache: IssuerCache,
): readonly Certificate[] {
  const search = new PathSearch(intermediates, anchors, now, cache);
  const path = search.extend([leaf]);
  if (path === undefined) {
    throw (
      search.firstObstacle ??
      search.links.firstObstacle ??
      new SpiffeError(
        'ERR_SVID_UNTRUSTED',
        'Cannot verify X.509-SVID: no path leads to an authority of its trust domain',
      )
    );
  }
  cache.keep(path);
  return path;
}

class PathSearch {
  firstObstacle: SpiffeError | undefined;
  readonly links: SignedLinks;
  readonly #intermediates: readonly Certificate[];
  readonly #anchors: readonly Certificate[];
  readonly #now: number;
  readonly #signed: ReadonlySet<Certificate>;
  readonly #names = new Map<Certificate, readonly GeneralName[]>();
  #nameComparisons = 0;
  #issuersTried = 0;

  constructor(
    intermediates: readonly Certificate[],
    anchors: readonly Certificate[],
    now: number,
    cache: IssuerCache,
  ) {
    this.#intermediates = intermediates;
    this.#anchors = anchors;
    this.#now = now;
    this.links = new SignedLinks(cache);
    this.#signed = this.links.findBelow(anchors, intermediates);
  }

  extend(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const current = path.at(-1)!;
    for (const anchor of candidates(current, this.#anchors)) {
      const found = [...path, anchor];
      if (this.#isIssuer(anchor, path, true) && this.#isWithinNameConstraints(found)) {
        return found;
      }
    }
    if (path.length >= MAX_PATH_LENGTH) {
      return undefined;
    }
    for (const intermediate of candidates(current, this.#intermediates)) {
      if (!path.includes(intermediate) && this.#isIssuer(intermediate, path, false)) {
        const found = this.extend([...path, intermediate]);
        if (found !== undefined) {
          return found;
        }
      }
    }
    return undefined;
  }

  /**
   * Asked only of a path that is complete, since comparing names can take long: who cannot complete a path shall not be
   * able to make it take long.
   */
  #isWithinNameConstraints(path: readonly Certificate[]): boolean {
    for (const [index, { extensions }] of path.entries()) {
      const { nameConstraints } = extensions;
      // Section 6.1.3: a self-issued certificate is checked only where it is the last one, here the leaf.
      const below = path.slice(0, index).filter((certificate, at) => at === 0 || !certificate.isSelfIssued);
      for (const certificate of nameConstraints === undefined ? [] : below) {
        const names = this.#namesOf(certificate);
        if (!this.#mayCompare(names, nameConstraints!)) {
          return false;
        }
        const violation = findNameViolation(nameConstraints!, names);
        if (violation !== undefined) {
          this.firstObstacle ??= fault(NAME_FAULTS[violation], 'an issuing certificate constrains names');
          return false;
        }
      }
    }
    return true;
  }

  /** Of all paths together: who has the key of one intermediate can offer dozens that differ in nothing but their constraints. */
  #mayCompare(names: readonly GeneralName[], { permitted, excluded }: NameConstraints): boolean {
    for (const { contents } of [...permitted, ...excluded]) {
      this.#nameComparisons += names.length * Math.ceil((contents.length + 1) / BYTES_PER_COMPARISON);
    }
    if (this.#nameComparisons <= MAX_NAME_COMPARISONS) {
      return true;
    }
    this.firstObstacle ??= fault(
      'ERR_SVID_UNTRUSTED',
      `no path was found within ${MAX_NAME_COMPARISONS} comparisons of names`,
    );
    return false;
  }

  #namesOf(certificate: Certificate): readonly GeneralName[] {
    const names = this.#names.get(certificate) ?? allNames(certificate);
    this.#names.set(certificate, names);
    return names;
  }

  #isIssuer(issuer: Certificate, path: readonly Certificate[], isAnchor: boolean): boolean {
    this.#issuersTried += 1;
    try {
      if (this.#issuersTried > MAX_ISSUERS_TRIED) {
        throw fault('ERR_SVID_UNTRUSTED', `no path was found among ${MAX_ISSUERS_TRIED} issuers`);
      }
      checkIssuer(issuer, path, this.#now, isAnchor);
      if (!isAnchor && !this.#signed.has(issuer)) {
        return false;
      }
      this.links.check(path.at(-1)!, issuer);
      return true;
    } catch (error) {
      if (!(error instanceof SpiffeError)) {
        throw error;
      }
      this.firstObstacle ??= error;
      return false;
    }
  }
}

/** The certificates whose subject is the issuer of the other one, those whose key identifier fits first. */
function candidates(issued: Certificate, among: readonly Certificate[]): readonly Certificate[] {
  const wanted = issued.extensions.authorityKeyId;
  const named = among.filter((certificate) => Buffer.compare(certificate.subject, issued.issuer) === 0);
  const fits = (certificate: Certificate): boolean => {
    const { subjectKeyId } = certificate.extensions;
    return wanted !== undefined && subjectKeyId !== undefined && Buffer.compare(wanted, subjectKeyId) === 0;
  };
  return [...named.filter(fits), ...named.filter((certificate) => !fits(certificate))];
}

function checkIssuer(
  issuer: Certificate,
  below: readonly Certificate[],
  now: number,
  isAnchor: boolean,
): void {
  const { basicConstraints, keyUsage } = issuer.extensions;
  checkCriticalExtensions(issuer);
  if (basicConstraints?.isCa !== true) {
    throw fault('ERR_CA_NOT_CA', 'an issuing certificate must have cA true');
  }
  // Who put a certificate into the bundle vouches for it: an anchor may lack the extension, but not contradict it.
  if (keyUsage === undefined && !isAnchor) {
    throw fault('ERR_CA_KEY_USAGE_MISSING', 'an issuing certificate must have key usage');
  }
  if (keyUsage?.hasKeyCertSign === false) {
    throw fault('ERR_CA_KEY_CERT_SIGN', 'an issuing certificate must have key usage keyCertSign');
  }
  if (!isAnchor) {
    checkIntermediate(issuer);
  }
  if (!(now >= issuer.notBeforeAt)) {
    throw fault('ERR_CA_NOT_YET_VALID', 'an issuing certificate is not yet valid');
  }
  if (!(now <= issuer.expiresAt)) {
    throw fault('ERR_CA_EXPIRED', 'an issuing certificate has expired');
  }
  const intermediatesBelow = below.slice(1).filter((certificate) => !certificate.isSelfIssued).length;
  if (basicConstraints.pathLength !== undefined && intermediatesBelow > basicConstraints.pathLength) {
    throw fault(
      'ERR_CA_PATH_LENGTH',
      `more than ${basicConstraints.pathLength} certificates are below an issuing one`,
    );
  }
}

/** What is asked of a certificate that comes with the chain: nobody but its issuer vouches for it. */
function checkIntermediate(certificate: Certificate): void {
  const { keyUsage, extendedKeyUsage, subjectAltName } = certificate.extensions;
  checkSerialNumber(certificate);
  if (keyUsage?.isCritical !== true) {
    throw fault('ERR_CA_KEY_USAGE_NOT_CRITICAL', 'the key usage of an issuing certificate must be critical');
  }
  const isForPeers =
    extendedKeyUsage === undefined ||
    extendedKeyUsage.includes(OID.ANY_EXTENDED_KEY_USAGE) ||
    (extendedKeyUsage.includes(OID.SERVER_AUTH) && extendedKeyUsage.includes(OID.CLIENT_AUTH));
  if (!isForPeers) {
    throw fault(
      'ERR_CA_EXTENDED_KEY_USAGE',
      'the extended key usage of an issuing certificate must have serverAuth and clientAuth',
    );
  }
  const hasPath = subjectAltName?.names.some(
    ({ tag, contents }) =>
      tag === GENERAL_NAME.URI && /^spiffe:\/\/[^/]*\//i.test(Buffer.from(contents).toString('latin1')),
  );
  if (hasPath === true) {
    throw fault('ERR_CA_SPIFFE_ID_PATH', 'the SPIFFE ID of an issuing certificate must have no path');
  }
}

/** Throws SpiffeError `ERR_CERTIFICATE_SERIAL_NUMBER` for one that is negative or too long (RFC 5280 section 4.1.2.2). */
export function checkSerialNumber({ serialNumber }: Certificate): void {
  const isPadded = serialNumber[0] === 0;
  if (serialNumber[0]! >= 0x80 || serialNumber.length - (isPadded ? 1 : 0) > MAX_SERIAL_NUMBER_BYTES) {
    throw fault(
      'ERR_CERTIFICATE_SERIAL_NUMBER',
      `a serial number must be positive and have at most ${MAX_SERIAL_NUMBER_BYTES} bytes`,
    );
  }
}

/** Throws SpiffeError `ERR_CERTIFICATE_CRITICAL_EXTENSION` when a critical extension is not understood. */
export function checkCriticalExtensions(certificate: Certificate): void {
  const [unknown] = certificate.extensions.unknownCritical;
  if (unknown !== undefined) {
    throw fault('ERR_CERTIFICATE_CRITICAL_EXTENSION', `critical extension ${unknown} is not understood`);
  }
}

function allNames(certificate: Certificate): GeneralName[] {
  const names = [...(certificate.extensions.subjectAltName?.names ?? [])];
  if (!certificate.isSubjectEmpty) {
    names.push({ tag: GENERAL_NAME.DIRECTORY, contents: certificate.subject });
    names.push(...listEmailAttributes(certificate.subject));
  }
  return names;
}

function fault(code: SpiffeErrorCode, reason: string): SpiffeError {
  return new SpiffeError(code, `Cannot verify X.509-SVID: ${reason}`);
}
