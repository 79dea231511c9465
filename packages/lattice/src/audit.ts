import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { verifyAuditChain } from './audit-chain.ts';
import type { AuditRecord } from './audit-record.ts';
import { FIRST_HASH, hashAuditRecord } from './audit-record.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { LatticeError } from './errors.ts';
import type { JsonObject } from './json.ts';

/** What a service says about a decision; the log adds the rest. */
export interface AuditEntry {
  readonly requestId: string;
  readonly spiffeId: string | null;
  readonly decision: 'allow' | 'deny';
  readonly rule: string | null;
  readonly reason: string;
  readonly details?: JsonObject;
}

export interface AuditLogOptions {
  readonly service: string;
  /** JSON lines, created with mode 0600, appended to. One process per file. Without it the chain starts anew. */
  readonly file?: string;
  /** Called with each line (no newline) after it is in the file; what it throws is counted and ignored. */
  readonly publish?: (bytes: Uint8Array) => void;
  readonly clock?: Pick<Clock, 'now'>;
  /** Writes to the file and returns how many bytes it took. Default `fs.writeSync`. */
  readonly write?: (fd: number, bytes: Uint8Array) => number;
}

export interface AuditLog {
  /**
   * Appends one record and returns it. Synchronous: when it returns, the record survives the process (not a power cut).
   * Throws ERR_AUDIT_WRITE and leaves the chain as it was when the file cannot be written; then do not grant anything.
   */
  write(entry: AuditEntry): AuditRecord;
  /** Records written by this object, and calls of `publish` that threw. */
  stats(): { readonly written: number; readonly publishFailures: number };
  /** May be called twice. A log with a file then refuses every record. */
  close(): void;
}

const TAIL_BYTES = 64 * 1024;

/** Opens the log and resumes its chain. Throws ERR_AUDIT_WRITE or, when the last line is no record, ERR_AUDIT_CHAIN. */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { service, file, publish, clock = systemClock, write = writeSync } = options;
  const target = file === undefined ? undefined : openTarget(file, write);
  let seq = target?.last?.seq ?? 0;
  let prevHash = target?.last?.hash ?? FIRST_HASH;
  let written = 0;
  let publishFailures = 0;

  return {
    write(entry) {
      const { requestId, spiffeId, decision, rule, reason, details = {} } = entry;
      const at = new Date(clock.now()).toISOString();
      const head = {
        schema: 'muster.audit.v1',
        seq: seq + 1,
        at,
        service,
        requestId,
        spiffeId,
        decision,
        rule,
      } as const;
      const body = { ...head, reason, details, prevHash };
      const record: AuditRecord = { ...body, hash: hashAuditRecord(body) };
      const line = Buffer.from(`${JSON.stringify(record)}\n`, 'utf8');
      target?.append(line);
      ({ seq } = record);
      prevHash = record.hash;
      written += 1;
      try {
        publish?.(line.subarray(0, -1));
      } catch {
        publishFailures += 1;
      }
      return record;
    },
    stats: () => ({ written, publishFailures }),
    close: () => target?.close(),
  };
}

interface Target {
  readonly last: AuditRecord | undefined;
  append(line: Uint8Array): void;
  close(): void;
}

function openTarget(file: string, write: (fd: number, bytes: Uint8Array) => number): Target {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  const fd = attempt(file, () => openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600));
  try {
    const state = fstatSync(fd);
    if (!state.isFile() || (state.mode & 0o077) !== 0 || state.uid !== process.getuid?.()) {
      throw new LatticeError(
        'ERR_AUDIT_WRITE',
        `Cannot open audit log "${file}": it must be a file of mode 0600 of this user`,
      );
    }
    let { size } = state;
    const tail = readTail(fd, size);
    // A crash can tear the last line only; it was never acknowledged, so it is cut off.
    if (tail.torn > 0) {
      size -= tail.torn;
      ftruncateSync(fd, size);
    }
    let isClosed = false;
    return {
      last: lastRecord(file, tail.line),
      append(line) {
        // By now the number of the descriptor may stand for another file.
        if (isClosed)
          throw new LatticeError('ERR_AUDIT_WRITE', `Cannot write audit log "${file}": it is closed`);
        try {
          let done = 0;
          while (done < line.length) done += write(fd, line.subarray(done));
          size += line.length;
        } catch (cause) {
          ftruncateSync(fd, size);
          throw new LatticeError('ERR_AUDIT_WRITE', `Cannot write audit log "${file}"`, { cause });
        }
      },
      close() {
        if (!isClosed) closeSync(fd);
        isClosed = true;
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Reads backwards until the last whole line is complete: how long it is depends on what the decision was about. */
function readTail(fd: number, size: number): { line: string | undefined; torn: number } {
  for (let length = TAIL_BYTES; ; length *= 2) {
    const start = Math.max(0, size - length);
    const bytes = Buffer.alloc(size - start);
    readSync(fd, bytes, 0, bytes.length, start);
    const end = bytes.lastIndexOf(0x0a);
    const before = end < 1 ? -1 : bytes.lastIndexOf(0x0a, end - 1);
    if (before < 0 && start > 0) continue;
    return {
      line: end < 0 ? undefined : bytes.toString('utf8', before + 1, end),
      torn: bytes.length - (end + 1),
    };
  }
}

function lastRecord(file: string, line: string | undefined): AuditRecord | undefined {
  if (line === undefined) return undefined;
  try {
    const record = verifyAuditChain([line])[0];
    return record;
  } catch (cause) {
    throw new LatticeError('ERR_AUDIT_CHAIN', `Cannot resume audit log "${file}": its last line is damaged`, {
      cause,
    });
  }
}

function attempt<T>(file: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw new LatticeError('ERR_AUDIT_WRITE', `Cannot open audit log "${file}"`, { cause });
  }
}
