// SPIFFE bundle documents: one good one, and one per rule that is broken or that lets an entry be passed over.
import type { SpiffeErrorCode } from '@muster/spiffe';
import { generateEcKeyPair } from '@muster/testing';
import { generateKeyPairSync } from 'node:crypto';
import { generateJwtKeys, toJwtKey } from './make-jwt.ts';
import { makeAuthority } from './make-x509.ts';
import {
  type BundleVector,
  type Judgement,
  type MadeVector,
  type MadeVectors,
  TRUST_DOMAIN,
} from './vector.ts';

type Key = Record<string, unknown>;

interface Taken {
  readonly x509: number;
  readonly jwt: number;
  readonly goSpiffe?: Judgement;
}

export function makeBundleVectors(): MadeVectors {
  const vectors: MadeVector<BundleVector>[] = [];
  const shape = { kind: 'bundle', trustDomain: TRUST_DOMAIN } as const;
  const add = (
    name: string,
    contents: string | Buffer,
    more: Omit<BundleVector, 'name' | 'kind' | 'trustDomain'>,
  ): void => {
    vectors.push({ vector: { ...shape, name, ...more }, contents });
  };
  const accept = (
    name: string,
    document: object | string,
    rule: string,
    { x509, jwt, goSpiffe }: Taken,
  ): void => {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    const taken = { x509Authorities: x509, jwtAuthorities: jwt };
    add(name, text, { rule, ours: 'accepted', ...taken, ...(goSpiffe === undefined ? {} : { goSpiffe }) });
  };
  const refuse = (
    name: string,
    contents: string | Buffer,
    rule: string,
    goSpiffe?: Judgement,
    ours: SpiffeErrorCode = 'ERR_BUNDLE_MALFORMED',
  ): void => {
    add(name, contents, { rule, ours, ...(goSpiffe === undefined ? {} : { goSpiffe }) });
  };
  const keys = generateJwtKeys();
  const authority = makeAuthority();
  const x509 = toX509Key(authority.certificate, authority.keyPair.publicKey.export({ format: 'jwk' }));
  const jwt = toJwtKey('main', keys.main);
  const good = { keys: [x509, jwt], spiffe_sequence: 7, spiffe_refresh_hint: 300 };
  makeDocuments(good, accept, refuse);
  makeX509Keys(x509, jwt, accept);
  makeJwtKeys(x509, jwt, accept);
  return { vectors, shared: new Map() };
}

function toX509Key(certificate: Uint8Array, jwk: Key): Key {
  return { use: 'x509-svid', ...jwk, x5c: [Buffer.from(certificate).toString('base64')] };
}

type Accept = (name: string, document: object | string, rule: string, taken: Taken) => void;
type Refuse = (
  name: string,
  contents: string | Buffer,
  rule: string,
  goSpiffe?: Judgement,
  ours?: SpiffeErrorCode,
) => void;

function makeDocuments(good: { readonly keys: readonly Key[] } & Key, accept: Accept, refuse: Refuse): void {
  const section = 'Trust Domain and Bundle 4.1';
  const text = JSON.stringify(good);
  const both = { x509: 1, jwt: 1 };
  accept('valid', good, section, both);
  accept(
    'valid-two-jwt-keys',
    { ...good, keys: [...good.keys, toJwtKey('next', generateEcKeyPair())] },
    `${section}, JB-1`,
    { x509: 1, jwt: 2 },
  );
  accept('valid-no-sequence-and-hint', { keys: good.keys }, `${section}.1`, both);
  accept('valid-sequence-of-64-bits', text.replace(':7', ':18446744073709551615'), `${section}.1`, both);
  accept('valid-keys-empty', { ...good, keys: [] }, `${section}.3, JB-7`, { x509: 0, jwt: 0 });
  accept('valid-unknown-members', { ...good, 'example.org/a': { b: [1] } }, 'RFC 7517 5', both);
  accept('valid-white-space', JSON.stringify(good, undefined, '\t\r\n'), 'RFC 8259 2', both);
  refuse('keys-missing', text.replace('"keys"', '"keyz"'), `${section}.3`);
  refuse('keys-null', '{"keys":null}', `${section}.3`);
  refuse('keys-an-object', '{"keys":{}}', `${section}.3`);
  refuse('not-an-object', '[]', section);
  refuse('not-json', text.slice(0, -1), 'RFC 8259 2');
  refuse('empty', '', 'RFC 8259 2');
  refuse(
    'not-utf-8',
    Buffer.from(text.replace('"keys"', '"a":"\u00ff","keys"'), 'latin1'),
    'RFC 8259 8.1',
    'accepted',
  );
  refuse('byte-order-mark', `\ufeff${text}`, 'RFC 8259 8.1');
  refuse('keys-twice', text.replace('{', '{"keys":[],'), `${section} (RFC 8259 4)`, 'accepted');
  refuse(
    'use-twice',
    text.replace('"use":"jwt-svid"', '"use":"x","use":"jwt-svid"'),
    `${section} (RFC 8259 4)`,
  );
  refuse(
    'nested-100-deep',
    text.replace('{', `{"a":${'['.repeat(100)}${']'.repeat(100)},`),
    'own limit',
    'accepted',
  );
  refuse('sequence-negative', text.replace(':7', ':-7'), `${section}.1`);
  refuse('sequence-a-fraction', text.replace(':7', ':7.5'), `${section}.1`);
  refuse('sequence-a-string', text.replace(':7', ':"7"'), `${section}.1`);
  refuse('sequence-of-65-bits', text.replace(':7', ':18446744073709551616'), `${section}.1`);
  refuse('refresh-hint-negative', text.replace(':300', ':-300'), `${section}.2`, 'accepted');
  refuse('refresh-hint-a-fraction', text.replace(':300', ':300.5'), `${section}.2`);
  refuse('refresh-hint-a-string', text.replace(':300', ':"300"'), `${section}.2`);
}

function makeX509Keys(x509: Key, jwt: Key, accept: Accept): void {
  const certificate = (x509['x5c'] as readonly string[])[0] ?? '';
  const entry = (name: string, changed: Key, rule: string, taken: Taken): void =>
    accept(`x509-key-${name}`, { keys: [x509, { ...x509, ...changed }, jwt] }, rule, taken);
  const passedOver = (goSpiffe?: Judgement): Taken => ({
    x509: 1,
    jwt: 1,
    ...(goSpiffe === undefined ? {} : { goSpiffe }),
  });
  const section = 'Trust Domain and Bundle 4.2.2';
  entry('x5c-missing', { x5c: undefined }, section, passedOver('refused'));
  entry('x5c-empty', { x5c: [] }, section, passedOver('refused'));
  entry('x5c-a-string', { x5c: certificate }, section, passedOver('refused'));
  entry('x5c-two-certificates', { x5c: [certificate, certificate] }, section, {
    x509: 1,
    jwt: 1,
    goSpiffe: 'refused',
  });
  entry('x5c-not-base64', { x5c: ['%'] }, section, passedOver('refused'));
  entry(
    'x5c-base64url',
    { x5c: [Buffer.from(certificate, 'base64').toString('base64url').replace(/^.{4}/, '-___')] },
    'RFC 7517 4.7',
    passedOver('refused'),
  );
  entry('x5c-not-a-certificate', { x5c: ['AAAA'] }, section, passedOver('refused'));
  entry('kty-unknown', { kty: 'example' }, 'Trust Domain and Bundle 4.2.1, JB-6', passedOver('refused'));
  entry('kty-missing', { kty: undefined }, 'Trust Domain and Bundle 4.2.1', passedOver('refused'));
  const other = generateEcKeyPair().publicKey.export({ format: 'jwk' }) as Key;
  entry('of-another-certificate', other, 'RFC 7517 4.7', passedOver('refused'));
  entry('use-missing', { use: undefined }, section, passedOver());
  entry('use-unknown', { use: 'sig' }, section, passedOver());
}

function makeJwtKeys(x509: Key, jwt: Key, accept: Accept): void {
  const second = toJwtKey('second', generateEcKeyPair());
  const entry = (name: string, key: unknown, rule: string, taken: Partial<Taken> = {}): void =>
    accept(`jwt-key-${name}`, { keys: [x509, jwt, key] }, rule, { x509: 1, jwt: 1, ...taken });
  const refused = { goSpiffe: 'refused' } as const;
  const section = 'Trust Domain and Bundle 4.2.2';
  entry('kid-missing', { ...second, kid: undefined }, section, refused);
  entry('kid-empty', { ...second, kid: '' }, section, refused);
  entry('kid-not-a-string', { ...second, kid: 1 }, section, refused);
  entry('use-missing', { ...second, use: undefined }, `${section}, JB-5`);
  entry('use-unknown', { ...second, use: 'sig' }, `${section}, JB-5`);
  entry('use-of-wit', { ...second, use: 'wit-svid' }, `${section}, JB-5`);
  entry(
    'kty-unknown',
    { use: 'jwt-svid', kid: 'second', kty: 'example' },
    'Trust Domain and Bundle 4.2.1, JB-6',
    refused,
  );
  entry('kty-missing', { ...second, kty: undefined }, 'Trust Domain and Bundle 4.2.1', refused);
  entry('symmetric', { use: 'jwt-svid', kid: 'second', kty: 'oct', k: 'AAAA' }, 'JWT-SVID 2.1');
  entry('ed25519', toJwtKey('second', generateKeyPairSync('ed25519')), 'JWT-SVID 2.1');
  entry('curve-unknown', { ...second, crv: 'P-192' }, 'RFC 7518 6.2.1.1', refused);
  entry('off-the-curve', { ...second, y: second['x'] }, 'RFC 7518 6.2', refused);
  entry('coordinate-short', { ...second, x: String(second['x']).slice(0, -8) }, 'RFC 7518 6.2.1.2', refused);
  entry('rsa-1024', toJwtKey('second', generateKeyPairSync('rsa', { modulusLength: 1024 })), 'RFC 7518 3.3');
  entry('key-ops-sign-only', { ...second, key_ops: ['sign'] }, 'RFC 7517 4.3');
  entry('a-list', [second], 'RFC 7517 5', refused);
  entry('null', null, 'RFC 7517 5', refused);
}
