import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeToken, identityToken, inboxPrefix } from '@muster/lattice';
import * as fc from 'fast-check';
import { parseRuleDocument } from '../src/rule-document.ts';
import type { Rule, RuleDocument } from '../src/rule-document.ts';
import { compileRules } from '../src/rules.ts';
import { throwsCode } from './support.ts';

const rule: Rule = {
  name: 'host',
  match: 'spiffe://muster.internal/lattice/{lattice}/host/{host}',
  account: 'HOSTS',
  publish: { allow: ['evt.{host}.>'] },
  subscribe: { allow: ['{inbox}.>', 'work.* workers'] },
};
const document: RuleDocument = { version: 1, rules: [rule] };
const ID = 'spiffe://muster.internal/lattice/default/host/a';

function permissions(rules: RuleDocument, id = ID, connection = 'ctl') {
  const grant = compileRules(rules)(id, connection) ?? assert.fail('no rule matched');
  return JSON.parse(`{${grant.permissionsJson}}`) as Record<
    'pub' | 'sub',
    { allow?: string[]; deny?: string[] }
  > & {
    resp?: { max: number; ttl: number };
  };
}

test('captures and built-in names are filled in', () => {
  const { pub, sub } = permissions(document, 'spiffe://muster.internal/lattice/default/host/a.b_c');
  assert.deepEqual(pub, { allow: [`evt.${encodeToken('a.b_c')}.>`] });
  const id = 'spiffe://muster.internal/lattice/default/host/a.b_c';
  assert.deepEqual(sub, { allow: [`${inboxPrefix(id)}.>`, 'work.* workers'] });
  const identity = { ...document, rules: [{ ...rule, publish: { allow: ['x.{identity}'] } }] };
  assert.deepEqual(permissions(identity).pub, { allow: [`x.${identityToken(ID)}`] });
});

test('the first rule that matches decides; none is a no', () => {
  const plain = { publish: { allow: [] }, subscribe: { allow: [] } };
  const rules = [
    { ...rule, ...plain, name: 'one', match: 'spiffe://muster.internal/lattice/default/host/special' },
    { ...rule, name: 'two', connection: 'ctl' },
    { ...rule, name: 'three' },
  ];
  const match = compileRules({ version: 1, rules });
  assert.equal(match('spiffe://muster.internal/lattice/default/host/special', 'ctl')?.rule, 'one');
  assert.equal(match(ID, 'ctl')?.rule, 'two');
  assert.equal(match(ID, 'rpc')?.rule, 'three');
  assert.equal(match('spiffe://muster.internal/other', 'ctl'), undefined);
  assert.equal(compileRules({ version: 1, rules: [] })(ID, 'ctl'), undefined);
});

test('captures stand for whole segments; there is no prefix match (A24)', () => {
  const match = compileRules(document);
  const wrong = [
    '/lattice/default/host/a/b',
    '/lattice/default/host',
    '/lattice/default/hosts/a',
    '/lattice/default/host-evil/a',
    '',
  ];
  for (const path of wrong) assert.equal(match(`spiffe://muster.internal${path}`, 'ctl'), undefined);
  assert.equal(match('spiffe://muster.internal.evil/lattice/default/host/a', 'ctl'), undefined);
});

test('both sides are always written, and an empty one denies everything', () => {
  const empty = {
    ...document,
    rules: [{ ...rule, publish: { allow: [] }, subscribe: { allow: [], deny: ['x'] } }],
  };
  assert.deepEqual(permissions(empty), { pub: { deny: ['>'] }, sub: { deny: ['>'] } });
  const both = { ...document, rules: [{ ...rule, publish: { allow: ['a.>'], deny: ['a.b'] } }] };
  assert.deepEqual(permissions(both).pub, { allow: ['a.>'], deny: ['a.b'] });
});

test('responses are granted only where the rule says so, in nanoseconds', () => {
  assert.equal(permissions(document).resp, undefined);
  const answering = { ...document, rules: [{ ...rule, responses: { max: 2, ttlMs: 5_000 } }] };
  assert.deepEqual(permissions(answering).resp, { max: 2, ttl: 5_000_000_000 });
});

test('different identities never get the same subject, and never a wildcard (A25)', () => {
  const match = compileRules(document);
  const segment = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== '.' && text !== '..');
  const published = (host: string): string =>
    match(`spiffe://muster.internal/lattice/x/host/${host}`, 'ctl')?.permissionsJson.split('"sub"')[0] ?? '';
  fc.assert(
    fc.property(segment, segment, (one, two) => {
      assert.equal(published(one) === published(two), one === two);
      assert.match(published(one), /^"pub":\{"allow":\["evt\.[A-Za-z0-9_-]+\.>"\]\},$/);
    }),
  );
});

const broken: readonly (readonly [string, unknown])[] = [
  ['not JSON', '{'],
  ['not an object', []],
  ['no version', { rules: [] }],
  ['version 2', { version: 2, rules: [] }],
  ['no rules', { version: 1 }],
  ['an unknown key in the document', { version: 1, rules: [], extra: 1 }],
  ['an unknown key in a rule', withRule({ extra: 1 })],
  ['an unknown key in permissions', withRule({ publish: { allow: [], allow_responses: true } })],
  ['an unknown key in responses', withRule({ responses: { max: 1, ttlMs: 1, x: 1 } })],
  ['two rules of one name', { version: 1, rules: [rule, rule] }],
  ['a missing publish side', withRule({ publish: undefined })],
  ['a missing allow list', withRule({ subscribe: {} })],
  ['an allow list that is text', withRule({ subscribe: { allow: '>' } })],
  ['a name with a newline', withRule({ name: 'a\nb' })],
  ['an empty connection', withRule({ connection: '' })],
  ['an account that is not listed', withRule({ account: 'SYS' })],
  ['the account of the callout', { ...withRule({ account: 'AUTH' }), accounts: ['AUTH'] }],
  ['the account of the callout in the list only', { ...document, accounts: ['HOSTS', 'AUTH'] }],
  ['an account that breaks out of JSON', { ...withRule({ account: 'A","x":"' }), accounts: ['A","x":"'] }],
  ['a server-made account', { ...document, accounts: ['$G'] }],
  ['a life beyond the bound', withRule({ ttlMs: 3_600_001 })],
  ['a life that is no integer', withRule({ ttlMs: 1.5 })],
  ['responses without bound', withRule({ responses: { max: -1, ttlMs: 1_000 } })],
];

function withRule(change: Record<string, unknown>): Record<string, unknown> {
  return { version: 1, rules: [{ ...rule, ...change }] };
}

for (const [what, value] of broken) {
  test(`a document is refused with ${what}`, () => {
    throwsCode('ERR_RULES_MALFORMED', () => parseRuleDocument(value));
  });
}

const badRules: readonly (readonly [string, Record<string, unknown>])[] = [
  ['a match that is no SPIFFE ID', { match: 'https://muster.internal/a' }],
  ['a match without a path', { match: 'spiffe://muster.internal' }],
  ['a captured trust domain', { match: 'spiffe://{td}/a' }],
  ['a capture that is part of a segment', { match: 'spiffe://muster.internal/host-{host}' }],
  ['a capture named twice', { match: 'spiffe://muster.internal/{host}/{host}' }],
  ['a capture with a built-in name', { match: 'spiffe://muster.internal/{inbox}' }],
  ['a variable that is not captured', { publish: { allow: ['a.{other}'] } }],
  ['two variables in one token', { publish: { allow: ['a.{lattice}{host}'] } }],
  ['an unclosed brace', { publish: { allow: ['a.{host'] } }],
  ['an empty token', { publish: { allow: ['a..b'] } }],
  ['an empty subject', { publish: { allow: [''] } }],
  ['a wildcard inside a token', { publish: { allow: ['a.b*'] } }],
  ['> before the end', { publish: { allow: ['a.>.b'] } }],
  ['a queue group to publish', { publish: { allow: ['a workers'] } }],
  ['two queue groups', { subscribe: { allow: ['a b c'] } }],
  ['a wildcard queue group', { subscribe: { allow: ['a >'] } }],
  ['a control character', { publish: { allow: ['a\tb'] } }],
  ['a quote', { publish: { allow: ['a"b'] } }],
];

for (const [what, change] of badRules) {
  test(`a rule is refused with ${what}`, () => {
    throwsCode('ERR_RULES_MALFORMED', () => compileRules(withRule(change) as unknown as RuleDocument));
  });
}

test('the system account is reachable only where the document lists it', () => {
  const listed = { ...withRule({ account: 'SYS' }), accounts: ['HOSTS', 'SYS'] };
  assert.equal(parseRuleDocument(JSON.stringify(listed)).rules[0]?.account, 'SYS');
});
