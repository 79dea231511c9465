import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNkey, createXkey, encodeNatsJwt } from '@muster/lattice';
import { RequestChecker } from '../src/authorization-request.ts';
import type { CalloutErrorCode } from '../src/errors.ts';
import { FakeNatsServer } from './fake-nats-server.ts';
import type { RequestOverrides } from './fake-nats-server.ts';
import { NOW, throwsCode } from './support.ts';

const issuer = createNkey('A');
const xkey = createXkey();
const server = new FakeNatsServer(issuer.publicKey, xkey.publicKey);
const checker = new RequestChecker({ xkey, issuer: issuer.publicKey, leewayMs: 1_000 });

function check(message: Uint8Array, header: string | undefined = server.xkey.publicKey, now = NOW) {
  return checker.check(message, header, now);
}

test('a genuine request is read', () => {
  const request = check(server.request('the-token'));
  assert.equal(request.token, 'the-token');
  assert.equal(request.userNkey, server.user.publicKey);
  assert.deepEqual(request.server, { id: server.key.publicKey, name: 'muster', xkey: server.xkey.publicKey });
  assert.deepEqual(request.client, { id: 7, host: '127.0.0.1', name: 'ctl', kind: 'Client', type: 'nats' });
  assert.equal(request.hasOtherCredentials, false);
});

test('a client that sends nothing is read as well', () => {
  assert.equal(check(server.request(undefined)).token, '');
});

for (const key of ['jwt', 'nkey', 'sig', 'user', 'pass']) {
  test(`a client that also sends ${key} is marked`, () => {
    assert.equal(check(server.request('t', { connect: { [key]: 'x' } })).hasOtherCredentials, true);
    assert.equal(check(server.request('t', { connect: { [key]: '' } })).hasOtherCredentials, false);
  });
}

const refusals: readonly (readonly [string, CalloutErrorCode, RequestOverrides])[] = [
  ['signed by a user key', 'ERR_REQUEST_SIGNATURE', { signer: createNkey('U') }],
  ['signed by the issuer itself', 'ERR_REQUEST_SIGNATURE', { signer: issuer }],
  ['signed by another server than it names', 'ERR_REQUEST_SIGNATURE', { signer: createNkey('N') }],
  [
    'naming another server than signed it',
    'ERR_REQUEST_SIGNATURE',
    { server: { id: createNkey('N').publicKey } },
  ],
  ['naming no server', 'ERR_REQUEST_MALFORMED', { nats: { server_id: null } }],
  ['with another audience', 'ERR_REQUEST_MISDIRECTED', { claims: { aud: 'nats-authorization-response' } }],
  ['with an audience list', 'ERR_REQUEST_MISDIRECTED', { claims: { aud: ['nats-authorization-request'] } }],
  ['for another issuer', 'ERR_REQUEST_MISDIRECTED', { claims: { sub: createNkey('A').publicKey } }],
  ['of another type', 'ERR_REQUEST_MISDIRECTED', { nats: { type: 'authorization_response' } }],
  ['of another version', 'ERR_REQUEST_MISDIRECTED', { nats: { version: 1 } }],
  ['past its end', 'ERR_REQUEST_EXPIRED', { claims: { exp: NOW / 1_000 - 1 } }],
  ['without an end', 'ERR_REQUEST_MALFORMED', { claims: { exp: null } }],
  ['with an end that is text', 'ERR_REQUEST_MALFORMED', { claims: { exp: '9999999999' } }],
  [
    'with another signed xkey than sealed it',
    'ERR_REQUEST_NOT_SEALED',
    { server: { xkey: createXkey().publicKey } },
  ],
  ['without a signed xkey', 'ERR_REQUEST_NOT_SEALED', { server: { xkey: null } }],
  [
    'with a user nkey of another kind',
    'ERR_REQUEST_MALFORMED',
    { nats: { user_nkey: createNkey('A').publicKey } },
  ],
  [
    'with a user nkey that breaks out of JSON',
    'ERR_REQUEST_MALFORMED',
    { nats: { user_nkey: 'U","aud":"SYS' } },
  ],
  [
    'with a truncated user nkey',
    'ERR_REQUEST_MALFORMED',
    { nats: { user_nkey: createNkey('U').publicKey.slice(0, -1) } },
  ],
  ['without client information', 'ERR_REQUEST_MALFORMED', { nats: { client_info: null } }],
  ['without connect options', 'ERR_REQUEST_MALFORMED', { nats: { connect_opts: 'x' } }],
  ['with a client id that is text', 'ERR_REQUEST_MALFORMED', { client: { id: '7' } }],
  ['sealed by another key than the header says', 'ERR_REQUEST_NOT_SEALED', { sealer: createXkey() }],
];

for (const [what, code, overrides] of refusals) {
  test(`refused: a request ${what} (A57)`, () => {
    const error = throwsCode(code, () => check(server.request('geheim', overrides)));
    assert.equal(error.message.includes('geheim'), false);
  });
}

test('refused: a request that is not sealed, or whose header is missing or no xkey (A59)', () => {
  throwsCode('ERR_REQUEST_NOT_SEALED', () => check(Buffer.from(server.text('t'))));
  throwsCode('ERR_REQUEST_NOT_SEALED', () => checker.check(server.request('t'), undefined, NOW));
  throwsCode('ERR_REQUEST_NOT_SEALED', () => check(server.request('t'), 'XAAA'));
  throwsCode('ERR_REQUEST_NOT_SEALED', () => check(server.request('t'), server.key.publicKey));
  throwsCode('ERR_REQUEST_NOT_SEALED', () => check(new Uint8Array()));
  throwsCode('ERR_REQUEST_NOT_SEALED', () => check(Buffer.alloc(200_000)));
});

test('refused: a sealed text that is no JWT, a changed one, one sealed for somebody else', () => {
  const seal = (text: string): Uint8Array => server.xkey.seal(Buffer.from(text), xkey.publicKey);
  throwsCode('ERR_REQUEST_SIGNATURE', () => check(seal('')));
  throwsCode('ERR_REQUEST_SIGNATURE', () => check(seal('a.b.c')));
  const [header = '', , signature = ''] = server.text('t').split('.');
  const claims = server.text('other').split('.')[1] ?? '';
  throwsCode('ERR_REQUEST_SIGNATURE', () => check(seal(`${header}.${claims}.${signature}`)));
  const elsewhere = server.xkey.seal(Buffer.from(server.text('t')), createXkey().publicKey);
  throwsCode('ERR_REQUEST_NOT_SEALED', () => check(elsewhere));
  const nested = encodeNatsJwt({ sub: issuer.publicKey }, server.key);
  throwsCode('ERR_REQUEST_MALFORMED', () => check(seal(nested)));
});

test('the end of a request is judged with the tolerated clock difference', () => {
  const request = server.request('t');
  assert.equal(check(request, server.xkey.publicKey, NOW + 3_999).token, 't');
  throwsCode('ERR_REQUEST_EXPIRED', () => check(request, server.xkey.publicKey, NOW + 4_000));
});

test('many servers, each restarted with new keys, are all served', () => {
  for (let count = 0; count < 300; count += 1) {
    const other = new FakeNatsServer(issuer.publicKey, xkey.publicKey);
    assert.equal(check(other.request('t'), other.xkey.publicKey).server.id, other.key.publicKey);
  }
});
