import { closeSync, fstatSync, readSync } from 'node:fs';
import { CliError } from '../errors.ts';
import type { Option } from '../options.ts';

/** The option of every part that needs seeds. */
export const keysOption: Option = {
  value: 'N',
  isRequired: true,
  range: [3, 65_535],
  help: 'Descriptor from which one JSON key document is read, up to its end',
};

const MAX_BYTES = 16_384;

/**
 * Reads the key document `{"<name>Seed":"S..."}` from an inherited descriptor and closes it. Returns the wanted seeds as
 * bytes, which their user wipes. Throws ERR_KEY_DOCUMENT, which never repeats what was read.
 */
export function readKeyDocument<Name extends string>(
  descriptor: number,
  names: readonly Name[],
): Record<Name, Uint8Array> {
  const bytes = readToEnd(descriptor);
  try {
    const document = parseDocument(bytes);
    const seeds = names.map((name) => {
      const seed = document[name];
      if (typeof seed !== 'string' || !/^S[A-Z2-7]{10,100}$/.test(seed)) {
        throw new CliError('ERR_KEY_DOCUMENT', `Cannot use the key document: "${name}" must be a seed`);
      }
      return [name, new TextEncoder().encode(seed)] as const;
    });
    return Object.fromEntries(seeds) as Record<Name, Uint8Array>;
  } finally {
    bytes.fill(0);
  }
}

function parseDocument(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // The parser's message would quote the document.
  }
  throw new CliError('ERR_KEY_DOCUMENT', 'Cannot use the key document: it must be one JSON object');
}

/** Reads and closes the descriptor; one that is not a pipe, a socket or a file is one of this process's own, and is left alone. */
function readToEnd(descriptor: number): Buffer {
  const bytes = Buffer.alloc(MAX_BYTES);
  let length = 0;
  try {
    const kind = fstatSync(descriptor);
    if (!kind.isFIFO() && !kind.isSocket() && !kind.isFile())
      throw new Error('it is no pipe, socket or file');
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
  } catch (cause) {
    bytes.fill(0);
    throw new CliError(
      'ERR_KEY_DOCUMENT',
      `Cannot read the key document from descriptor ${String(descriptor)}: ${(cause as Error).message}`,
      { cause },
    );
  }
  closeSync(descriptor);
  if (length < bytes.length) return bytes.subarray(0, length);
  bytes.fill(0);
  throw new CliError(
    'ERR_KEY_DOCUMENT',
    `Cannot use the key document: it is longer than ${String(MAX_BYTES - 1)} bytes`,
  );
}
