import { SpiffeError } from '../errors.ts';
import { decodeUtf8, isJsonObject, parseStrictJson } from '../internal/json.ts';

const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_KEYS = 1000;

export interface JwksDocument {
  readonly keys: readonly unknown[];
  readonly text: string;
  readonly members: Readonly<Record<string, unknown>>;
}

/** Reads the frame of a JWKS document: an object with a list `keys`. The keys are not looked at. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
export function parseJwks(json: string | Uint8Array, trustDomainName: string): JwksDocument {
  let members: unknown;
  let text = '';
  try {
    if (json.length > MAX_DOCUMENT_BYTES) {
      throw new SpiffeError(
        'ERR_BUNDLE_MALFORMED',
        `the document must have at most ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
    text = typeof json === 'string' ? json : decodeUtf8(json);
    members = parseStrictJson(text);
  } catch (error) {
    throw malformed(trustDomainName, 'it must be JSON without repeated members', error);
  }
  if (!isJsonObject(members) || !Array.isArray(members['keys'])) {
    throw malformed(trustDomainName, 'it must be an object with a list "keys"');
  }
  const keys: unknown[] = members['keys'];
  if (keys.length > MAX_KEYS) {
    throw malformed(trustDomainName, `it must have at most ${MAX_KEYS} keys`);
  }
  return { keys, text, members };
}

function malformed(trustDomainName: string, wanted: string, cause?: unknown): SpiffeError {
  return new SpiffeError(
    'ERR_BUNDLE_MALFORMED',
    `Cannot read the bundle of "${trustDomainName}": ${wanted}`,
    { cause },
  );
}
