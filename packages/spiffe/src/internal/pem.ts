import { SpiffeError } from '../errors.ts';
import { decodePemBlocks } from './pem-blocks.ts';

const LINE_LENGTH = 64;

/** Writes one PEM block with a closing line break (RFC 7468). */
export function encodePem(label: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines: string[] = [];
  for (let start = 0; start < text.length; start += LINE_LENGTH) {
    lines.push(text.slice(start, start + LINE_LENGTH));
  }
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/**
 * Reads the blocks of one label from PEM (RFC 7468). Text between blocks is passed over. A block of another label, one that
 * does not end, and one with headers are malformed, since a file that is cut short must not pass for a shorter one.
 * `what` names the file in messages; its contents do not show. Throws SpiffeError `ERR_FILE_MALFORMED`.
 */
export function decodePem(text: string, label: string, what: string): Uint8Array[] {
  const blocks = decodePemBlocks(text, what);
  if (blocks.some((block) => block.label !== label)) {
    throw malformed(what, `it must have no block but "${label}"`);
  }
  if (blocks.length === 0) {
    throw malformed(what, `it must have a block "${label}"`);
  }
  return blocks.map(({ bytes }) => bytes);
}

function malformed(what: string, reason: string): SpiffeError {
  return new SpiffeError('ERR_FILE_MALFORMED', `Cannot read ${what}: ${reason}`);
}
