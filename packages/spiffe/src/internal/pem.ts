import { SpiffeError } from '../errors.ts';

const LINE_LENGTH = 64;
const MARK = /^-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MAX_BLOCKS = 1000;

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
  const blocks: Uint8Array[] = [];
  let body: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [, edge, found] = MARK.exec(line.trimEnd()) ?? [];
    if (edge === undefined) {
      // Fewer dashes too: of a block that begins no more may be there.
      if (line.startsWith('-')) {
        throw malformed(what, 'it has a line that begins like a block but is none');
      }
      body = body === undefined ? undefined : body + line.trim();
    } else if (found !== label) {
      throw malformed(what, `it must have no block but "${label}"`);
    } else if (edge === 'BEGIN') {
      if (body !== undefined || blocks.length >= MAX_BLOCKS) {
        throw malformed(what, `each block must end, and there must be at most ${MAX_BLOCKS}`);
      }
      body = '';
    } else {
      if (body === undefined || body === '' || !BASE64.test(body)) {
        throw malformed(what, 'each block must begin, and hold base64');
      }
      blocks.push(Buffer.from(body, 'base64'));
      body = undefined;
    }
  }
  if (body !== undefined) {
    throw malformed(what, 'its last block must end');
  }
  if (blocks.length === 0) {
    throw malformed(what, `it must have a block "${label}"`);
  }
  return blocks;
}

function malformed(what: string, reason: string): SpiffeError {
  return new SpiffeError('ERR_FILE_MALFORMED', `Cannot read ${what}: ${reason}`);
}
