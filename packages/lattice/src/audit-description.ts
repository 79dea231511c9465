import type { AuditRecord } from './audit-record.ts';
import { fieldProblems } from './described-fields.ts';
import type { DescribedFields, FieldDescriptions } from './described-fields.ts';

/** One kind of record that a service writes. `<code>` stands for an error code, other text in `<>` for whatever is there. */
export interface AuditDescription {
  readonly when: string;
  readonly decision: AuditRecord['decision'];
  /** `null`: the record has none. */
  readonly rule: string | null;
  /** Whose SPIFFE ID the record holds. */
  readonly spiffeId: string;
  readonly reasons: readonly string[];
  readonly details: FieldDescriptions;
}

/** What a service records, by names of our own. Each has its table in `src/audit-records.ts`; docs/events.md is made from them. */
export type AuditCatalogue = Readonly<Record<string, AuditDescription>>;

/** The fields of every audit record. */
export const AUDIT_FIELDS: DescribedFields<AuditRecord> = {
  schema: { type: 'text', meaning: '`muster.audit.v1`' },
  seq: {
    type: 'integer',
    meaning: 'Counts from 1 within one file, or within one run where there is no file.',
  },
  at: { type: 'text', meaning: 'When it was decided, RFC 3339 with milliseconds, UTC.' },
  service: { type: 'text', meaning: '`callout`, `host` or `authority`' },
  requestId: { type: 'text', meaning: 'UUID of the decision. The same one stands in the log line about it.' },
  spiffeId: {
    type: 'text or null',
    meaning: 'The identity that the decision is about; null while none is proven.',
  },
  decision: { type: 'text', meaning: '`allow` or `deny`' },
  rule: {
    type: 'text or null',
    meaning: 'What decided: a rule of the callout, a registration entry, a check of the host.',
  },
  reason: { type: 'text', meaning: 'Why. Whoever was refused does not hear it.' },
  details: { type: 'object', meaning: 'More, by service and kind.' },
  prevHash: { type: 'text', meaning: '`hash` of the record before; 64 zeros in the first one.' },
  hash: { type: 'text', meaning: 'SHA-256, in hex, of the canonical JSON of all other fields.' },
};

/** Why no kind of record in the catalogue is this one, by kind; empty when one is. */
export function auditProblems(
  catalogue: AuditCatalogue,
  record: Pick<AuditRecord, 'decision' | 'rule' | 'reason' | 'details'>,
): readonly string[] {
  const tried = Object.entries(catalogue).map(([kind, { decision, rule, reasons, details }]) => {
    const problems = [
      ...(decision === record.decision ? [] : [`it does not ${record.decision}`]),
      ...(isMeant(rule, record.rule) ? [] : [`the rule is not ${String(record.rule)}`]),
      ...(reasons.some((reason) => isMeant(reason, record.reason))
        ? []
        : [`"${record.reason}" is no reason`]),
      ...fieldProblems(details, record.details),
    ];
    return problems.length === 0 ? '' : `${kind}: ${problems.join(', ')}`;
  });
  return tried.includes('') ? [] : tried;
}

function isMeant(described: string | null, found: string | null): boolean {
  if (described === null || found === null) return described === found;
  const pattern = described
    .split(/(<[^>]*>)/)
    .map((part) => (part === '<code>' ? '[A-Z][A-Z0-9_]*' : part.startsWith('<') ? '.+' : escape(part)));
  return new RegExp(`^${pattern.join('')}$`, 's').test(found);
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
