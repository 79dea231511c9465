import { resolve } from 'node:path';

import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';

/** Names of the three files, within a directory. */
export interface SvidFileNames {
  /** The certificates of the SVID as PEM, leaf first. */
  readonly certificate: string;
  /** The private key as PKCS#8 PEM. */
  readonly key: string;
  /** The X.509 authorities of the SVID's own trust domain as PEM. */
  readonly bundle: string;
}

/** The names of cert-manager's csi-driver-spiffe, and of a Kubernetes TLS secret. */
export const CSI_DRIVER_FILES: SvidFileNames = Object.freeze({
  certificate: 'tls.crt',
  key: 'tls.key',
  bundle: 'ca.crt',
});

/** The names of spiffe-helper. */
export const SPIFFE_HELPER_FILES: SvidFileNames = Object.freeze({
  certificate: 'svid.pem',
  key: 'svid_key.pem',
  bundle: 'svid_bundle.pem',
});

/** The link of the AtomicWriter protocol that says which directory holds the current files. */
export const DATA_LINK = '..data';

/**
 * Fills in and checks file names: each a name within the directory, no two the same. With `isPathAllowed` the bundle may
 * also be an absolute path. Throws SpiffeError `ERR_FILE_OPTIONS`.
 */
export function resolveFileNames(
  names: Partial<SvidFileNames> = {},
  options: { readonly isPathAllowed: boolean } = { isPathAllowed: false },
): SvidFileNames {
  const resolved = { ...CSI_DRIVER_FILES, ...names };
  for (const [what, name] of Object.entries(resolved)) {
    const isPath = options.isPathAllowed && what === 'bundle' && name === resolve(name);
    if (!isPath) {
      checkFileName(what, name);
    }
  }
  if (new Set(Object.values(resolved)).size !== 3) {
    throw new SpiffeError('ERR_FILE_OPTIONS', 'Cannot use the file names: each must be another one');
  }
  return resolved;
}

/** Throws SpiffeError `ERR_FILE_OPTIONS` for what is not the name of a file within the directory. */
export function checkFileName(what: string, name: string): void {
  // A name that begins with two dots belongs to the protocol, or leads out of the directory.
  if (name === '' || name === '.' || name.startsWith('..') || /[/\0]/.test(name)) {
    throw new SpiffeError(
      'ERR_FILE_OPTIONS',
      `Cannot use ${quote(name)} as the name of the ${what} file: it must be the name of a file in the directory`,
    );
  }
}
