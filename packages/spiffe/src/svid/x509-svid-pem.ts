import { readFile } from '../files/read.ts';
import { SpiffeError } from '../errors.ts';
import { decodePemBlocks } from '../internal/pem-blocks.ts';
import { marshalCertificatesPem, marshalPrivateKeyPem, parseX509Svid } from './x509-svid.ts';
import type { X509Svid } from './x509-svid.ts';

const CERTIFICATE = 'CERTIFICATE';
const PRIVATE_KEY = 'PRIVATE KEY';
const MAX_PEM_LENGTH = 1024 * 1024;

/** Text, or its bytes; a Buffer too. */
export type PemText = string | Uint8Array;

/**
 * Reads an SVID from PEM: certificates, leaf first, and one PKCS#8 key, in one text in any order, or the key in a text of
 * its own. Text between blocks is passed over; a second key, and a block of another kind, is refused. The form is checked as
 * `parseX509Svid` does. Throws SpiffeError, `ERR_FILE_MALFORMED` for what is not such PEM; no message shows a key.
 */
export function parseX509SvidPem(
  pem: PemText,
  options: { readonly key?: PemText | undefined; readonly hint?: string | undefined } = {},
): X509Svid {
  const blocks = [pem, ...(options.key === undefined ? [] : [options.key])].flatMap((text) =>
    decodePemBlocks(toText(text), 'the X.509-SVID'),
  );
  const foreign = blocks.find(({ label }) => label !== CERTIFICATE && label !== PRIVATE_KEY);
  if (foreign !== undefined) {
    throw malformed(
      `its blocks must be "${CERTIFICATE}" and "${PRIVATE_KEY}", the latter for a key in PKCS#8`,
    );
  }
  const [key, ...moreKeys] = blocks.filter(({ label }) => label === PRIVATE_KEY);
  if (key === undefined || moreKeys.length > 0) {
    throw malformed('there must be exactly one private key');
  }
  const chain = blocks.filter(({ label }) => label === CERTIFICATE).map(({ bytes }) => bytes);
  return parseX509Svid(Buffer.concat(chain), key.bytes, { hint: options.hint });
}

/** Reads files and parses them as `parseX509SvidPem`; one file may hold both. Once: `createFileSource` follows files that change. Throws SpiffeError `ERR_FILE_READ`, and as `parseX509SvidPem`. */
export async function loadX509Svid(
  path: string,
  options: { readonly keyPath?: string | undefined; readonly hint?: string | undefined } = {},
): Promise<X509Svid> {
  const { keyPath, hint } = options;
  const pem = await readFile('', path);
  return parseX509SvidPem(pem, {
    key: keyPath === undefined ? undefined : await readFile('', keyPath),
    hint,
  });
}

/** Certificates, leaf first, and then the unencrypted key in PKCS#8, as one PEM text. The caller keeps it secret. Never throws. */
export function marshalX509SvidPem(svid: X509Svid): string {
  return marshalCertificatesPem(svid) + marshalPrivateKeyPem(svid);
}

/** The forms that `parseX509Svid` reads and the Workload API sends: certificates concatenated, leaf first, and the unencrypted key in PKCS#8. The caller keeps the key secret. Never throws. */
export function marshalX509SvidDer(svid: X509Svid): {
  readonly chain: Uint8Array;
  readonly privateKey: Uint8Array;
} {
  return {
    chain: Buffer.concat(svid.certificates),
    privateKey: svid.privateKey.export({ format: 'der', type: 'pkcs8' }),
  };
}

function toText(pem: PemText): string {
  if (pem.length > MAX_PEM_LENGTH) {
    throw malformed(`it must have at most ${MAX_PEM_LENGTH} characters`);
  }
  return typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1');
}

function malformed(reason: string): SpiffeError {
  return new SpiffeError('ERR_FILE_MALFORMED', `Cannot read the X.509-SVID: ${reason}`);
}
