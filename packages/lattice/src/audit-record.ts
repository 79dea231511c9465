import { createHash } from 'node:crypto';
import { LatticeError } from './errors.ts';
import { canonicalJson, JsonReader } from './json.ts';
import type { JsonObject } from './json.ts';

/** One decision. Exactly one record is written for each. */
export interface AuditRecord {
  readonly schema: 'muster.audit.v1';
  /** Counts from 1 within one chain. */
  readonly seq: number;
  /** RFC 3339 with milliseconds. */
  readonly at: string;
  readonly service: string;
  /** The same id stands in the log line of the decision. */
  readonly requestId: string;
  /** Identity the decision was about; null when none was proven. */
  readonly spiffeId: string | null;
  readonly decision: 'allow' | 'deny';
  /** Name of the rule that decided; null when none did. */
  readonly rule: string | null;
  /** For the operator only; whoever was refused just hears `denied`. */
  readonly reason: string;
  readonly details: JsonObject;
  /** `hash` of the record before; 64 zeros in the first of a chain. */
  readonly prevHash: string;
  /** Hex SHA-256 of the canonical JSON of all other fields. */
  readonly hash: string;
}

/** `prevHash` of the first record of a chain. */
export const FIRST_HASH: string = '0'.repeat(64);

/** Decodes one line without checking its hash. Throws ERR_MESSAGE_MALFORMED. */
export function parseAuditRecord(line: Uint8Array | string): AuditRecord {
  const json = JsonReader.decode('audit record', line);
  const decision = json.string('decision');
  if (json.string('schema') !== 'muster.audit.v1' || (decision !== 'allow' && decision !== 'deny')) {
    throw new LatticeError(
      'ERR_MESSAGE_MALFORMED',
      'Cannot parse audit record: "schema" or "decision" is unknown',
    );
  }
  return {
    schema: 'muster.audit.v1',
    seq: json.integer('seq', { min: 1 }),
    at: json.string('at'),
    service: json.string('service'),
    requestId: json.string('requestId'),
    spiffeId: json.has('spiffeId') ? json.string('spiffeId') : null,
    decision,
    rule: json.has('rule') ? json.string('rule') : null,
    reason: json.string('reason'),
    details: json.object('details'),
    prevHash: json.string('prevHash'),
    hash: json.string('hash'),
  };
}

/** What `hash` must be. */
export function hashAuditRecord(body: Omit<AuditRecord, 'hash'>): string {
  return createHash('sha256').update(canonicalJson(body), 'utf8').digest('hex');
}

/** Whether a line says what its record says and nothing besides: no other field, none twice, no other spelling. */
export function isWholeRecord(line: string, record: AuditRecord): boolean {
  const value = JSON.parse(line) as object;
  const keys = Object.keys(value);
  return (
    keys.length === Object.keys(record).length &&
    keys.every((key) => Object.hasOwn(record, key)) &&
    // A key that stands twice is gone after parsing; whoever reads the text may have seen the other one.
    JSON.stringify(value) === line
  );
}
