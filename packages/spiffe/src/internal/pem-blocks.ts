import { SpiffeError } from '../errors.ts';
import { decodeBase64 } from './base64.ts';

const MARK = /^-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----$/;
const WHITE_SPACE = /[ \t\r\n]+/g;
const DASH = 0x2d;
const SPACE = 0x20;
const TAB = 0x09;
const MAX_MARK_LENGTH = 100;
const MAX_TEXT_LENGTH = 4 * 1024 * 1024;
const MAX_BLOCKS = 1000;

export interface PemBlock {
  readonly label: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads the blocks of PEM (RFC 7468), of whatever label. Text between blocks is passed over. A block that does not end, and
 * one with headers, is malformed, since a text that is cut short must not pass for a shorter one. `what` names the text in
 * messages; its contents do not show. Takes time in proportion to the text. Throws SpiffeError `ERR_FILE_MALFORMED`.
 */
export function decodePemBlocks(text: string, what: string): PemBlock[] {
  if (text.length > MAX_TEXT_LENGTH) {
    throw malformed(what, `it must have at most ${MAX_TEXT_LENGTH} characters`);
  }
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly bodyStart: number } | undefined;
  // Nothing is made of a line that is no mark: millions of short ones must not become millions of strings.
  for (let start = 0, end: number; start < text.length; start = end + 1) {
    end = findLineEnd(text, start);
    const first = skipSpaces(text, start, end);
    if (text.charCodeAt(first) !== DASH) {
      continue;
    }
    const [, edge, label] =
      MARK.exec(text.slice(first, Math.min(end, first + MAX_MARK_LENGTH)).trimEnd()) ?? [];
    if (edge === undefined || label === undefined) {
      // Fewer dashes too: of a block that begins no more may be there.
      throw malformed(what, 'it has a line that begins like a block but is none');
    }
    if (edge === 'BEGIN') {
      if (open !== undefined || blocks.length >= MAX_BLOCKS) {
        throw malformed(what, `each block must end, and there must be at most ${MAX_BLOCKS}`);
      }
      open = { label, bodyStart: end + 1 };
      continue;
    }
    const bytes =
      open?.label === label
        ? decodeBase64(text.slice(open.bodyStart, start).replaceAll(WHITE_SPACE, ''))
        : undefined;
    if (bytes === undefined) {
      throw malformed(what, 'each block must begin, end under the same label, and hold base64');
    }
    blocks.push({ label, bytes });
    open = undefined;
  }
  if (open !== undefined) {
    throw malformed(what, 'its last block must end');
  }
  return blocks;
}

function findLineEnd(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end;
}

function skipSpaces(text: string, start: number, end: number): number {
  let index = start;
  while (index < end && (text.charCodeAt(index) === SPACE || text.charCodeAt(index) === TAB)) {
    index += 1;
  }
  return index;
}

function malformed(what: string, reason: string): SpiffeError {
  return new SpiffeError('ERR_FILE_MALFORMED', `Cannot read ${what}: ${reason}`);
}
