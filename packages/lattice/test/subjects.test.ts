import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  assertToken,
  auditStream,
  auditSubject,
  bucketPermissions,
  controlSubjects,
  decodeToken,
  encodeToken,
  eventSubject,
  identityToken,
  inboxPrefix,
  latticeBuckets,
  parseControlSubject,
  rpcSubjects,
  streamReadPermissions,
} from '../src/subjects.ts';
import { throwsCode } from './support.ts';

const { messages, subscriptions } = JSON.parse(
  readFileSync(new URL('vectors/control.json', import.meta.url), 'utf8'),
) as {
  messages: { id: string; subject: string }[];
  subscriptions: { subject: string; queue: string | null }[];
};
const HOST = 'NDVG4H7N3RSINJ7MN7PMSWX7RW7PKETAND3ZJX275O72RUHHWEFW7PM3';

test('requests are spelled as real clients spell them', () => {
  const subjects = controlSubjects('golden');
  const captured = (id: string): string | undefined => messages.find((message) => message.id === id)?.subject;
  assert.equal(subjects.hostPing, captured('ctl.host-ping.request.1'));
  assert.equal(subjects.hostGet(HOST), captured('ctl.host-get.request.1'));
  assert.equal(subjects.hostStop(HOST), captured('prov2.host-stop.request.2'));
  assert.equal(subjects.scaleComponent(HOST), captured('ctl.start-callee.request.1'));
  assert.equal(subjects.linkPut, captured('ctl.link-put.request.1'));
  assert.equal(subjects.linkDel, captured('ctl.link-del.request.1'));
  assert.equal(subjects.linkGet, 'wasmbus.ctl.v1.golden.link.get');
  assert.equal(subjects.configPut('greeting'), captured('ctl.config-put.request.1'));
  assert.equal(subjects.configGet('greeting'), captured('ctl.config-get.request.1'));
  assert.equal(subjects.configDel('other'), captured('ctl.config-del.request.1'));
});

test('a host subscribes to subjects and queue groups that a real host has too', () => {
  const real = subscriptions.map(({ subject, queue }) => `${subject} ${queue ?? ''}`);
  for (const { subject, queue } of controlSubjects('golden').subscriptions(HOST)) {
    assert.equal(real.includes(`${subject} ${queue ?? ''}`), true, subject);
  }
});

test('a received subject is split, and nothing else is accepted', () => {
  assert.deepEqual(parseControlSubject('wasmbus.ctl.v1.golden.host.ping', 'golden'), {
    noun: 'host',
    verb: 'ping',
  });
  assert.deepEqual(parseControlSubject('wasmbus.ctl.v1.golden.config.put.a', 'golden'), {
    noun: 'config',
    verb: 'put',
    name: 'a',
  });
  for (const subject of [
    'wasmbus.ctl.v1.golden.config.put.with.dot',
    'wasmbus.ctl.v1.golden.host',
    'wasmbus.ctl.v1.other.host.ping',
    '',
  ]) {
    assert.equal(parseControlSubject(subject, 'golden'), undefined);
  }
});

test('names from outside cannot widen a subject (A25)', () => {
  for (const bad of [
    '',
    '*',
    '>',
    'a.b',
    'a b',
    'a/b',
    '.',
    'a\n',
    'a\0',
    'ä',
    '_x',
    '-x',
    'x'.repeat(129),
  ]) {
    throwsCode('ERR_SUBJECT_TOKEN', () => assertToken('name', bad));
    throwsCode('ERR_SUBJECT_TOKEN', () => controlSubjects(bad));
    throwsCode('ERR_SUBJECT_TOKEN', () => controlSubjects('default').configPut(bad));
    throwsCode('ERR_SUBJECT_TOKEN', () => controlSubjects('default').hostGet(bad));
    throwsCode('ERR_SUBJECT_TOKEN', () => controlSubjects('default').subscriptions(bad));
    for (const make of [latticeBuckets, rpcSubjects, auditStream, bucketPermissions, streamReadPermissions]) {
      throwsCode('ERR_SUBJECT_TOKEN', () => make(bad));
    }
    if (bad !== '*') throwsCode('ERR_SUBJECT_TOKEN', () => eventSubject('default', bad));
    if (bad !== '*') throwsCode('ERR_SUBJECT_TOKEN', () => auditSubject('default', bad));
  }
  assert.equal(eventSubject('default', '*'), 'wasmbus.evt.default.*');
  assert.equal(auditSubject('default', 'callout'), 'muster.audit.default.callout');
});

test('the token encoding is injective, gives one token, and can be undone', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(text, (value) => {
      const token = encodeToken(value);
      assert.match(token, /^[A-Za-z0-9_-]+$/);
      assert.equal(decodeToken(token), value);
    }),
  );
  assert.notEqual(encodeToken('a.b'), encodeToken('a_b'));
  assert.equal(encodeToken('a.b_c'), 'a_2eb_5fc');
  assert.equal(encodeToken('host-1'), 'host-1');
});

test('texts that the encoding does not make are not decoded', () => {
  for (const bad of ['', '_', '_2', '_zz', '_41', '_2E', 'a.b', '_ff'])
    throwsCode('ERR_SUBJECT_TOKEN', () => decodeToken(bad));
  throwsCode('ERR_SUBJECT_TOKEN', () => encodeToken(''));
  throwsCode('ERR_SUBJECT_TOKEN', () => encodeToken('\ud800'));
});

test('each identity has a reply prefix of its own, of one length', () => {
  const a = inboxPrefix('spiffe://muster.internal/lattice/default/host/a');
  const b = inboxPrefix('spiffe://muster.internal/lattice/default/host/a.b');
  assert.notEqual(a, b);
  assert.match(a, /^_INBOX\.[A-Z2-7]{52}$/);
  assert.equal(a.length, b.length);
  assert.equal(identityToken('x').length, 52);
});
