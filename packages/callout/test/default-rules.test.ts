import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  auditStream,
  auditSubject,
  bucketSubjects,
  controlSubjects,
  eventSubject,
  inboxPrefix,
  latticeBuckets,
  systemSubjects,
} from '@muster/lattice';
import { defaultRules } from '../src/default-rules.ts';
import { compileRules } from '../src/rules.ts';
import { covers, HOST_ID, OPERATOR_ID, TRUST_DOMAIN } from './support.ts';

const match = compileRules(defaultRules({ trustDomain: TRUST_DOMAIN, lattice: 'default' }));
const other = controlSubjects('other');
const control = controlSubjects('default');
const NKEY = `N${'A'.repeat(55)}`;

/** What an identity may do on a subject. */
function may(side: 'pub' | 'sub', id: string, connection: string, subject: string): boolean {
  const grant = match(id, connection) ?? assert.fail('no rule matched');
  const { allow = [], deny = [] } =
    (JSON.parse(`{${grant.permissionsJson}}`) as Record<string, { allow?: string[]; deny?: string[] }>)[
      side
    ] ?? {};
  const covered = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => covers(pattern.split(' ')[0] ?? '', subject));
  return covered(allow) && !covered(deny);
}

const foreignInbox = `${inboxPrefix('spiffe://muster.internal/lattice/default/host/b')}.x`;

test('a host answers control requests, keeps state and sends events on ctl', () => {
  const { values, info } = bucketSubjects(latticeBuckets('default').config);
  for (const { subject } of control.subscriptions(NKEY))
    assert.equal(may('sub', HOST_ID, 'ctl', subject), true, subject);
  for (const subject of [
    eventSubject('default', 'host_started'),
    auditSubject('default', 'host'),
    info,
    values.replace('>', 'x'),
    systemSubjects.userInfo,
  ]) {
    assert.equal(may('pub', HOST_ID, 'ctl', subject), true, subject);
  }
  assert.equal(may('sub', HOST_ID, 'ctl', `${inboxPrefix(HOST_ID)}.a.b`), true);
});

test('a host cannot send commands, touch other lattices and buckets, read what others are told, or forge audit records', () => {
  const forbiddenToPublish = [
    control.hostPing,
    control.scaleComponent(NKEY),
    control.linkPut,
    control.configPut('x'),
    eventSubject('other', 'host_started'),
    auditSubject('default', 'callout'),
    bucketSubjects('CONFIGDATA_default').create,
    bucketSubjects('LATTICEDATA_default').create,
    '$JS.API.STREAM.DELETE.KV_CONFIGDATA_default',
    '$JS.API.STREAM.PURGE.KV_CONFIGDATA_default',
    '$SYS.REQ.SERVER.PING',
    systemSubjects.accountConnections,
    systemSubjects.authorizationRequest,
    foreignInbox,
    '_INBOX.x',
    'anything',
  ];
  for (const connection of ['ctl', 'rpc']) {
    for (const subject of forbiddenToPublish)
      assert.equal(may('pub', HOST_ID, connection, subject), false, subject);
    for (const subject of [
      foreignInbox,
      '_INBOX.x',
      '>',
      '_INBOX.>',
      '*.>',
      eventSubject('default', 'host_started'),
      auditSubject('default', 'callout'),
      other.hostPing,
      systemSubjects.authorizationRequest,
      '$SYS.ACCOUNT.HOSTS.CONNECT',
    ]) {
      assert.equal(may('sub', HOST_ID, connection, subject), false, subject);
    }
  }
});

test('a host calls and serves components on rpc, and only there', () => {
  const call = 'default.hello.wrpc.0.0.1.wasi:http/incoming-handler.handle';
  for (const side of ['pub', 'sub'] as const) {
    assert.equal(may(side, HOST_ID, 'rpc', call), true);
    assert.equal(may(side, HOST_ID, 'ctl', call), false);
    assert.equal(may(side, HOST_ID, 'rpc', call.replace('default', 'other')), false);
    assert.equal(may(side, HOST_ID, 'rpc', control.hostPing), false);
  }
});

test('a queue subscription to control requests must be in the queue group that shares them', () => {
  const grant = match(HOST_ID, 'ctl');
  assert.equal(
    grant?.permissionsJson.includes('"wasmbus.ctl.v1.default.link.* wasmbus.ctl.v1.default.link"'),
    true,
  );
});

test('an operator commands, watches and reports, and reads the audit records', () => {
  const stream = auditStream('default');
  const allowed = [
    control.hostPing,
    control.scaleComponent(NKEY),
    control.linkPut,
    systemSubjects.accountConnections,
    systemSubjects.userInfo,
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.c`,
    bucketSubjects('CONFIGDATA_default').info,
    bucketSubjects('CONFIGDATA_default').create,
    bucketSubjects('LATTICEDATA_default').create,
  ];
  for (const subject of allowed) assert.equal(may('pub', OPERATOR_ID, 'cli', subject), true, subject);
  for (const subject of [
    eventSubject('default', 'host_started'),
    auditSubject('default', 'callout'),
    `${inboxPrefix(OPERATOR_ID)}.a`,
  ]) {
    assert.equal(may('sub', OPERATOR_ID, 'cli', subject), true, subject);
  }
});

test('an operator cannot answer for hosts, write state past them, rewrite audit records or reach the system', () => {
  const stream = auditStream('default');
  const forbidden = [
    auditSubject('default', 'callout'),
    eventSubject('default', 'host_started'),
    bucketSubjects('CONFIGDATA_default').values.replace('>', 'x'),
    bucketSubjects('CONFIGDATA_other').create,
    `$JS.API.STREAM.DELETE.${stream}`,
    `$JS.API.STREAM.PURGE.${stream}`,
    `$JS.API.STREAM.UPDATE.${stream}`,
    `$JS.API.STREAM.MSG.DELETE.${stream}`,
    other.hostPing,
    '$SYS.REQ.SERVER.PING',
    foreignInbox,
  ];
  for (const subject of forbidden) assert.equal(may('pub', OPERATOR_ID, 'cli', subject), false, subject);
  for (const subject of [control.hostPing, foreignInbox, '>', '_INBOX.>'])
    assert.equal(may('sub', OPERATOR_ID, 'cli', subject), false, subject);
});

test('everybody lands in HOSTS, nobody else has a rule', () => {
  const { rules, accounts } = defaultRules({ trustDomain: TRUST_DOMAIN, lattice: 'default' });
  assert.deepEqual([...new Set(rules.map((rule) => rule.account))], ['HOSTS']);
  assert.equal(accounts, undefined);
  for (const path of [
    '/nats/muster',
    '/callout',
    '/authority',
    '/lattice/default/app/a/component/b',
    '/lattice/other/host/a',
  ]) {
    for (const connection of ['ctl', 'rpc', 'cli', ''])
      assert.equal(match(`spiffe://${TRUST_DOMAIN}${path}`, connection), undefined);
  }
});
