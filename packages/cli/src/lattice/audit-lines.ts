import { createReadStream } from 'node:fs';
import { CliError } from '../errors.ts';

/** One line of an audit log, or one message of a stream of them. */
export interface AuditLine {
  readonly text: Uint8Array;
  /** Number of the line from 1, or of the message in its stream. */
  readonly line: number;
  /** No newline stands behind it. */
  readonly isLast: boolean;
  /** The only service that may publish where this came from; absent in a file. */
  readonly service?: string;
}

const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** The lines of a file without their newlines, in memory of one line. Throws ERR_AUDIT_SOURCE. */
export async function* readAuditFile(file: string): AsyncGenerator<AuditLine> {
  let line = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of openFile(file)) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      line += 1;
      yield { text: Buffer.concat([...rest, chunk.subarray(from, to)]), line, isLast: false };
      rest = [];
      restBytes = 0;
      from = to + 1;
    }
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    if (restBytes > MAX_LINE_BYTES)
      throw new CliError(
        'ERR_AUDIT_SOURCE',
        `${file} is no audit file: line ${String(line + 1)} does not end`,
      );
  }
  if (restBytes > 0) yield { text: Buffer.concat(rest), line: line + 1, isLast: true };
}

async function* openFile(file: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new CliError('ERR_AUDIT_SOURCE', `The audit file ${file} cannot be read: ${REASONS[why] ?? why}`, {
      cause,
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
};
