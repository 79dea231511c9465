// docs/events.md: events and audit records from their catalogues, with examples that a running lattice published.
import {
  AUDIT_FIELDS,
  type AuditCatalogue,
  type AuditDescription,
  auditStream,
  auditSubject,
  EVENT_ATTRIBUTES,
  eventFields,
  eventNames,
  eventSubject,
  type FieldDescriptions,
  INVENTORY_LISTS,
  LATTICE_EVENTS,
  type LatticeEventName,
} from '@muster/lattice';
import { block, code, generatedFrom, json, table } from './markdown.ts';

/** Texts from the wire: events by name, audit records by `<service>.<kind>`. */
export interface PublishedExamples {
  readonly events: Readonly<Record<string, string>>;
  readonly audit: Readonly<Record<string, string>>;
}

/** The services with an audit catalogue, in the order of the page. */
export type AuditCatalogues = Readonly<Record<'callout' | 'host' | 'authority', AuditCatalogue>>;

// The lattice and its name, as an encoder would refuse `<lattice>`.
const ANY = 'LATTICE';
const anyLattice = (subject: string): string => subject.replace(ANY, '<lattice>');

const WHERE: Readonly<Record<keyof AuditCatalogues, string>> = {
  callout:
    `Published on ${code(anyLattice(auditSubject(ANY, 'callout')))} and, with \`--audit-file\`, appended to that file. One record per ` +
    'request of nats-server, written before it is answered: what cannot be written is not granted.',
  host:
    `Published on ${code(anyLattice(auditSubject(ANY, 'host')))} and, with \`--audit-file\`, appended to that file. Without a connection ` +
    'the first 1 000 records wait for it; further ones are in the file only.',
  authority:
    'Appended to `--audit-file`; not published over NATS. Written before anything is handed out: what cannot be written is not issued.',
};

/** The whole page. Throws where an event has no example. */
export function eventsPage(examples: PublishedExamples, catalogues: AuditCatalogues): string {
  const events = eventNames.map((name) => eventSection(name, examples.events[name]));
  const audits = Object.entries(catalogues).map(
    ([service, catalogue]) =>
      `### ${title(service)}\n\n${WHERE[service as keyof AuditCatalogues]}\n\n` +
      auditSection(service, catalogue, examples.audit),
  );
  return [
    `# Events and audit records\n\n${generatedFrom('the catalogues in `packages/*/src`')}`,
    'Events tell a lattice what its hosts did, in the words of wasmCloud v1. Audit records tell who was let in and who got which\n' +
      'identity, and why not. Both are JSON. The examples were published by a lattice that ran.\n',
    `## Events\n\nPublished by hosts on ${code(anyLattice(eventSubject(ANY, 'host_started')).replace('host_started', '<event>'))}, with plain NATS: ` +
      'who does not listen misses them, nothing\nkeeps them, and no event is a proof, because any host may publish for another. Ask hosts ' +
      'again where it matters. Every event is\na CloudEvent 1.0 in structured mode:\n\n' +
      fieldTable(EVENT_ATTRIBUTES),
    ...events,
    `## Audit records\n\nOne line of JSON per decision. The stream ${code(anyLattice(auditStream(ANY)))}, which \`muster dev\` makes, keeps what is published for\n7 days and up to 64 MiB. Every record has:\n\n` +
      fieldTable(AUDIT_FIELDS),
    ...audits,
  ].join('\n');
}

function eventSection(name: LatticeEventName, example: string | undefined): string {
  if (example === undefined) throw new Error(`the event ${name} has no example`);
  const lists =
    name === 'host_heartbeat'
      ? Object.entries(INVENTORY_LISTS).map(
          ([list, fields]) => `\nEach of ${code(list)}:\n\n${fieldTable(fields)}`,
        )
      : [];
  return (
    `### ${name}\n\n${LATTICE_EVENTS[name].when} Subject ${code(anyLattice(eventSubject(ANY, name)))}, type ` +
    `${code(`com.wasmcloud.lattice.${name}`)}, data:\n\n${fieldTable(eventFields(name))}${lists.join('')}\n${pretty(example)}`
  );
}

function auditSection(
  service: string,
  catalogue: AuditCatalogue,
  examples: Readonly<Record<string, string>>,
): string {
  return Object.entries(catalogue)
    .map(([kind, description]) => {
      const example = examples[`${service}.${kind}`];
      return `${auditKind(description)}${example === undefined ? '' : `\n${pretty(example)}`}`;
    })
    .join('\n');
}

function auditKind({ when, decision, rule, spiffeId, reasons, details }: AuditDescription): string {
  const facts = [
    ['decision', code(decision)],
    ['rule', rule === null ? 'null' : code(rule)],
    ['spiffeId', spiffeId],
    ['reason', reasons.map(code).join(', ')],
  ];
  const rows = Object.entries(details).map(([name, { type, meaning, isOptional }]) => [
    code(`details.${name}`),
    `${meaning} (${type}${isOptional === true ? ', may be absent' : ''})`,
  ]);
  return `**${when}**\n\n${table(['field', 'value'], [...facts.map(([name = '', text = '']) => [code(name), text]), ...rows])}`;
}

function fieldTable(fields: FieldDescriptions): string {
  return table(
    ['field', 'type', 'meaning'],
    Object.entries(fields).map(([name, { type, meaning, isOptional }]) => [
      code(name),
      `${type}${isOptional === true ? ', may be absent' : ''}`,
      meaning,
    ]),
  );
}

function pretty(example: string): string {
  return block('json', json(JSON.parse(example)));
}

function title(word: string): string {
  return `Audit records of the ${word}`;
}
