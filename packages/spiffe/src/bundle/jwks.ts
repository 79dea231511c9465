import { SpiffeError } from '../errors.ts';
import { decodeUtf8, isJsonObject, parseStrictJson } from '../internal/json.ts';

const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_KEYS = 1000;

/** The members of a document, and the sequence numbers in it by the object that has them. */
export interface BundleDocument {
  readonly members: Readonly<Record<string, unknown>>;
  readonly sequences: ReadonlyMap<unknown, bigint>;
}

/** Reads the text of a document, which must be a JSON object. `owner` names it in messages. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
export function parseDocument(json: string | Uint8Array, owner: string): BundleDocument {
  let text: string;
  try {
    if (json.length > MAX_DOCUMENT_BYTES) {
      throw new SpiffeError(
        'ERR_BUNDLE_MALFORMED',
        `the document must have at most ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
    text = typeof json === 'string' ? json : decodeUtf8(json);
    parseStrictJson(text);
  } catch (error) {
    throw malformed(owner, 'it must be JSON without repeated members', error);
  }
  const { members, sequences } = parseWithSequences(text);
  if (!isJsonObject(members)) {
    throw malformed(owner, 'it must be an object');
  }
  return { members, sequences };
}

/** Reads the list of keys of a JWKS document. The keys are not looked at. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
export function parseJwks(json: string | Uint8Array, owner: string): { readonly keys: readonly unknown[] } {
  return { keys: readKeys(parseDocument(json, owner).members, owner) };
}

/** The member `keys`. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
export function readKeys(members: Readonly<Record<string, unknown>>, owner: string): readonly unknown[] {
  const keys: unknown = members['keys'];
  if (!Array.isArray(keys)) {
    throw malformed(owner, 'it must be an object with a list "keys"');
  }
  if (keys.length > MAX_KEYS) {
    throw malformed(owner, `it must have at most ${MAX_KEYS} keys`);
  }
  return keys;
}

/** Reads 64-bit numbers from the text, since a JavaScript number would round them. What is not one is missing. */
function parseWithSequences(text: string): { members: unknown; sequences: Map<unknown, bigint> } {
  const sequences = new Map<unknown, bigint>();
  const reviver = function (
    this: unknown,
    key: string,
    value: unknown,
    context?: { readonly source?: string },
  ): unknown {
    const source = context?.source ?? '';
    if (key === 'spiffe_sequence' && /^\d{1,20}$/.test(source)) {
      sequences.set(this, BigInt(source));
    }
    return value;
  };
  return { members: JSON.parse(text, reviver), sequences };
}

function malformed(owner: string, wanted: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_BUNDLE_MALFORMED', `Cannot read the bundle of "${owner}": ${wanted}`, {
    cause,
  });
}
