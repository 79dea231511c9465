import type { AuditRecord } from './audit-record.ts';
import { FIRST_HASH, hashAuditRecord, isWholeRecord, parseAuditRecord } from './audit-record.ts';
import { LatticeError } from './errors.ts';

/** What can be wrong with a line of an audit log. */
export type AuditProblem =
  | 'unreadable'
  | 'cut-off'
  | 'foreign'
  | 'changed'
  | 'missing'
  | 'repeated'
  | 'unlinked'
  | 'restarted';

/** One place where records do not follow from each other. */
export interface AuditBreak {
  /** Where the caller said that the line stands; its number from 1 by default. */
  readonly line: number;
  readonly problem: AuditProblem;
  /** Of the record at that place; null where there is none to be read. */
  readonly seq: number | null;
  readonly requestId: string | null;
  /** End of a sentence that names the line. */
  readonly explanation: string;
}

/** What was found of one service. */
export interface AuditChainReport {
  /** Null for lines that belong to no known service. */
  readonly service: string | null;
  readonly records: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  /** Stands for all records so far: whoever noted it can tell later that none of them was exchanged or cut off. */
  readonly lastHash: string | null;
  /** False when a chain begins with a record that follows others which are not there: nobody vouches for those here. */
  readonly isFromStart: boolean;
  /** How many chains begin with a first record. */
  readonly starts: number;
  readonly breaks: number;
  readonly firstBreak: AuditBreak | null;
}

/** What became of one line. */
export interface CheckedLine {
  readonly record?: AuditRecord;
  readonly break?: AuditBreak;
}

export interface AuditChainCheckerOptions {
  /**
   * The lines are messages that a stream keeps by numbers without gaps, not those of one file. Several processes may then write
   * under one name, each with a chain of its own, and one without a file starts anew each time. Where the stream has forgotten
   * its first messages, each chain may begin in the middle. Default false.
   */
  readonly isStream?: boolean;
}

/** Hashes of a stream that are kept per service: of the latest records, and of the last record of each process. */
const MAX_KEPT = 10_000;

/** Checks hashes, links and numbering of audit records, line by line, in memory that does not grow with them. */
export class AuditChainChecker {
  readonly #isStream: boolean;
  readonly #chains = new Map<string | null, Chain>();
  #lines = 0;
  #lastLine: number | undefined;
  #isTrimmed = false;
  #service: string | null = null;

  constructor(options: AuditChainCheckerOptions = {}) {
    this.#isStream = options.isStream ?? false;
  }

  /**
   * Takes the next line, without its newline. `isLast` says that none ended it, as after a crash; `service` is the only one
   * whose records may stand here, by default any.
   */
  add(
    line: Uint8Array | string,
    place: { line?: number; isLast?: boolean; service?: string } = {},
  ): CheckedLine {
    this.#lines += 1;
    const at = place.line ?? this.#lines;
    const [earlier, read] = [this.#lastLine, readRecord(line)];
    this.#lastLine = at;
    this.#isTrimmed ||= this.#isStream && earlier === undefined && at > 1;
    const { record } = read ?? {};
    const isForeign = record !== undefined && place.service !== undefined && record.service !== place.service;
    const service = place.service ?? record?.service ?? this.#service;
    this.#service = service;
    const chain = this.#chainOf(service);
    let wrong: Wrong | undefined;
    if (read === undefined) wrong = place.isLast === true ? CUT_OFF : UNREADABLE;
    else if (isForeign)
      wrong = { problem: 'foreign', explanation: `claims to be of the service ${read.record.service}` };
    else wrong = chain.judge(read.record, { isWhole: read.isWhole, isTrimmed: this.#isTrimmed });
    if (wrong === undefined && this.#isStream && earlier !== undefined && at !== earlier + 1)
      wrong = {
        problem: 'missing',
        explanation: `follows message ${String(earlier)}: ${missing('message', earlier + 1, at - 1)}`,
      };
    const found =
      wrong === undefined
        ? undefined
        : { line: at, seq: record?.seq ?? null, requestId: record?.requestId ?? null, ...wrong };
    chain.add(isForeign ? undefined : record, found);
    return { ...(record === undefined ? {} : { record }), ...(found === undefined ? {} : { break: found }) };
  }

  /** One entry per service, in the order of their first lines. */
  report(): readonly AuditChainReport[] {
    return [...this.#chains].map(([service, chain]) => chain.report(service));
  }

  #chainOf(service: string | null): Chain {
    let chain = this.#chains.get(service);
    if (chain === undefined) this.#chains.set(service, (chain = new Chain(this.#isStream)));
    return chain;
  }
}

/** Checks lines of one log: hashes, links and numbering. Throws ERR_AUDIT_CHAIN naming the first bad line. */
export function verifyAuditChain(lines: Iterable<string>): readonly AuditRecord[] {
  const checker = new AuditChainChecker();
  const records: AuditRecord[] = [];
  for (const line of lines) {
    const { record, break: found } = checker.add(line);
    if (found !== undefined || record === undefined) {
      throw new LatticeError(
        'ERR_AUDIT_CHAIN',
        `Cannot verify audit log: line ${records.length + 1} breaks the chain: it ${found?.explanation}`,
      );
    }
    records.push(record);
  }
  return records;
}

type Wrong = Pick<AuditBreak, 'problem' | 'explanation'>;

const UNREADABLE: Wrong = { problem: 'unreadable', explanation: 'is no audit record' };
const CUT_OFF: Wrong = {
  problem: 'cut-off',
  explanation: 'is cut off, by a crash while it was written or by hand',
};

function readRecord(line: Uint8Array | string): { record: AuditRecord; isWhole: boolean } | undefined {
  try {
    const text =
      typeof line === 'string'
        ? line
        : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
    const record = parseAuditRecord(text);
    return { record, isWhole: isWholeRecord(text, record) };
  } catch {
    return undefined;
  }
}

/** The records of one service: one chain in a file, one per process in a stream. */
class Chain {
  readonly #isStream: boolean;
  /** Last record of each chain, by its hash. */
  readonly #heads = new Map<string, number>();
  /** Hashes that a record of a stream followed from: no second one may. */
  readonly #followed = new Set<string>();
  #isFromStart = true;
  #records = 0;
  #starts = 0;
  #breaks = 0;
  #first: AuditRecord | undefined;
  #last: AuditRecord | undefined;
  #firstBreak: AuditBreak | undefined;

  constructor(isStream: boolean) {
    this.#isStream = isStream;
  }

  judge(
    record: AuditRecord,
    { isWhole, isTrimmed }: { isWhole: boolean; isTrimmed: boolean },
  ): Wrong | undefined {
    const { seq, hash, prevHash, ...rest } = record;
    if (!isWhole)
      return {
        problem: 'changed',
        explanation: 'holds more than its hash covers, or is spelled differently',
      };
    if (hashAuditRecord({ ...rest, seq, prevHash }) !== hash)
      return { problem: 'changed', explanation: 'was changed: its hash is not that of what it says' };
    const isStart = seq === 1 && prevHash === FIRST_HASH;
    if (!isStart && (seq === 1 || prevHash === FIRST_HASH))
      return { problem: 'unlinked', explanation: 'says to be the first record and to follow another' };
    const last = this.#last;
    if (last === undefined || this.#heads.get(prevHash) === seq - 1) return undefined;
    // In a stream, processes write at the same time; one that was there before its oldest message begins in the middle.
    const isSeen = [hash, prevHash].some((one) => this.#followed.has(one)) || this.#heads.has(hash);
    if (this.#isStream && (isStart || isTrimmed) && !isSeen) return undefined;
    const before = `record ${String(last.seq)}`;
    if (isStart && last.hash !== hash && !this.#isStream)
      return { problem: 'restarted', explanation: `starts the chain anew after ${before}` };
    if (seq <= last.seq)
      return { problem: 'repeated', explanation: `comes again, or too late, after ${before}` };
    if (seq > last.seq + 1)
      return {
        problem: 'missing',
        explanation: `follows ${before}: ${missing('record', last.seq + 1, seq - 1)}`,
      };
    return {
      problem: 'unlinked',
      explanation: `does not follow from ${before}: one of the two was changed or put in`,
    };
  }

  add(record: AuditRecord | undefined, found: AuditBreak | undefined): void {
    if (found !== undefined) {
      this.#breaks += 1;
      this.#firstBreak ??= found;
    }
    if (record === undefined) return;
    this.#records += 1;
    this.#first ??= record;
    if (record.seq === 1) this.#starts += 1;
    // What comes again does not take the place of what the next record follows from.
    if (found?.problem === 'repeated' && !this.#isStream) return;
    const isFollowing = this.#heads.delete(record.prevHash);
    if (record.seq > 1 && !isFollowing && (found === undefined || this.#first === record))
      this.#isFromStart = false;
    if (this.#isStream) this.#follow(record.prevHash);
    else this.#heads.clear();
    this.#heads.set(record.hash, record.seq);
    this.#last = record;
  }

  report(service: string | null): AuditChainReport {
    return {
      service,
      records: this.#records,
      firstSeq: this.#first?.seq ?? null,
      lastSeq: this.#last?.seq ?? null,
      firstAt: this.#first?.at ?? null,
      lastAt: this.#last?.at ?? null,
      lastHash: this.#last?.hash ?? null,
      isFromStart: this.#isFromStart,
      starts: this.#starts,
      breaks: this.#breaks,
      firstBreak: this.#firstBreak ?? null,
    };
  }

  #follow(hash: string): void {
    if (hash !== FIRST_HASH) this.#followed.add(hash);
    for (const kept of [this.#heads, this.#followed]) {
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    }
  }
}

function missing(what: string, from: number, to: number): string {
  if (from > to) return 'the order is another';
  return from === to
    ? `${what} ${String(from)} is missing`
    : `${what}s ${String(from)} to ${String(to)} are missing`;
}
