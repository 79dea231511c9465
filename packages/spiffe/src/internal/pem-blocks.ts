import { SpiffeError } from '../errors.ts';

const MARK = /^-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
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
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly lines: string[] } | undefined;
  for (let start = 0; start <= text.length;) {
    const lineBreak = text.indexOf('\n', start);
    const end = lineBreak === -1 ? text.length : lineBreak;
    const line = text.slice(start, end).trim();
    start = end + 1;
    if (!line.startsWith('-')) {
      open?.lines.push(line);
      continue;
    }
    const [, edge, label] = MARK.exec(line) ?? [];
    if (edge === undefined || label === undefined) {
      // Fewer dashes too: of a block that begins no more may be there.
      throw malformed(what, 'it has a line that begins like a block but is none');
    }
    if (edge === 'BEGIN') {
      if (open !== undefined || blocks.length >= MAX_BLOCKS) {
        throw malformed(what, `each block must end, and there must be at most ${MAX_BLOCKS}`);
      }
      open = { label, lines: [] };
      continue;
    }
    const body = open?.lines.join('') ?? '';
    if (open?.label !== label || body === '' || !BASE64.test(body)) {
      throw malformed(what, 'each block must begin, end under the same label, and hold base64');
    }
    blocks.push({ label, bytes: Buffer.from(body, 'base64') });
    open = undefined;
  }
  if (open !== undefined) {
    throw malformed(what, 'its last block must end');
  }
  return blocks;
}

function malformed(what: string, reason: string): SpiffeError {
  return new SpiffeError('ERR_FILE_MALFORMED', `Cannot read ${what}: ${reason}`);
}
