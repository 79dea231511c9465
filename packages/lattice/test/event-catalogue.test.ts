import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { parseAuditRecord } from '../src/audit-record.ts';
import { AUDIT_FIELDS, auditProblems } from '../src/audit-description.ts';
import type { AuditCatalogue } from '../src/audit-description.ts';
import { fieldProblems } from '../src/described-fields.ts';
import type { FieldDescriptions } from '../src/described-fields.ts';
import { EVENT_ATTRIBUTES, eventFields, INVENTORY_LISTS, LATTICE_EVENTS } from '../src/event-catalogue.ts';
import { eventNames, parseEvent } from '../src/events.ts';

/** What a lattice that ran published, as it was on the wire. */
const published = JSON.parse(readFileSync(new URL('vectors/published.json', import.meta.url), 'utf8')) as {
  events: Record<string, string>;
  audit: Record<string, string>;
};

const fields: FieldDescriptions = {
  text: { type: 'text', meaning: '' },
  count: { type: 'integer', meaning: '' },
  texts: { type: 'list of texts', meaning: '' },
  objects: { type: 'list of objects', meaning: '' },
  map: { type: 'map of texts', meaning: '' },
  none: { type: 'map of texts or null', meaning: '' },
  more: { type: 'object', meaning: '', isOptional: true },
};
const described = { text: 'a', count: 1, texts: ['a'], objects: [{}], map: { a: 'b' }, none: null };

suite('described fields', () => {
  test('an object as it is described has no problem', () => {
    assert.deepEqual(fieldProblems(fields, described), []);
    assert.deepEqual(fieldProblems(fields, { ...described, more: { a: 1 }, none: {} }), []);
  });

  test('a field too many and one too few are told', () => {
    const { text: _text, ...rest } = described;
    assert.deepEqual(fieldProblems(fields, { ...rest, other: 1 }), [
      '"other" is not described',
      '"text" is missing',
    ]);
  });

  for (const [name, value] of Object.entries({
    text: 1,
    count: 1.5,
    texts: [1],
    objects: [null],
    map: { a: 1 },
    none: [],
    more: null,
  })) {
    test(`${JSON.stringify(value)} is not a ${fields[name]?.type ?? ''}`, () => {
      assert.deepEqual(fieldProblems(fields, { ...described, [name]: value }), [
        `"${name}" is not of the type "${fields[name]?.type ?? ''}"`,
      ]);
    });
  }
});

suite('events', () => {
  test('every one has a published example, and no other has', () => {
    assert.deepEqual(Object.keys(published.events), [...eventNames]);
  });

  for (const name of eventNames) {
    test(`${name} was published as it is described`, () => {
      const text = published.events[name] ?? '';
      const event = parseEvent(text);
      assert.equal(event.name, name);
      assert.deepEqual(fieldProblems(EVENT_ATTRIBUTES, JSON.parse(text) as object), []);
      assert.deepEqual(fieldProblems(eventFields(name), event.data), []);
      assert.match(LATTICE_EVENTS[name].when, /^[A-Z].*\.$/);
    });
  }

  test('the lists of host_heartbeat hold what is described', () => {
    const { data } = parseEvent(published.events['host_heartbeat'] ?? '');
    for (const [list, item] of Object.entries(INVENTORY_LISTS)) {
      const items = data[list] as readonly object[];
      assert.ok(items.length > 0);
      for (const value of items) assert.deepEqual(fieldProblems(item, value), []);
    }
  });
});

suite('audit records', () => {
  for (const [kind, text] of Object.entries(published.audit)) {
    test(`${kind} was written with the fields that all records have`, () => {
      assert.equal(parseAuditRecord(text).service, kind.split('.')[0]);
      assert.deepEqual(fieldProblems(AUDIT_FIELDS, JSON.parse(text) as object), []);
    });
  }

  const catalogue: AuditCatalogue = {
    allowed: {
      when: '',
      decision: 'allow',
      rule: '<name>',
      spiffeId: '',
      reasons: ['rule (any) matched'],
      details: { id: { type: 'integer', meaning: '' } },
    },
    denied: { when: '', decision: 'deny', rule: null, spiffeId: '', reasons: ['<code>: <why>'], details: {} },
  };
  const allowed = { decision: 'allow', rule: 'a', reason: 'rule (any) matched', details: { id: 1 } } as const;
  const denied = { decision: 'deny', rule: null, reason: 'ERR_A: because', details: {} } as const;

  test('a record of a described kind has no problem', () => {
    assert.deepEqual(auditProblems(catalogue, allowed), []);
    assert.deepEqual(auditProblems(catalogue, denied), []);
  });

  test('a rule, reason, decision or detail that no kind has is told for each kind', () => {
    for (const record of [
      { ...allowed, rule: null },
      { ...allowed, reason: 'rule matched' },
      { ...allowed, decision: 'deny' },
      { ...allowed, details: {} },
      { ...denied, rule: 'a' },
      { ...denied, reason: 'because' },
      { ...denied, reason: 'err: because' },
    ] as const) {
      assert.equal(auditProblems(catalogue, record).length, 2, JSON.stringify(record));
    }
  });
});
