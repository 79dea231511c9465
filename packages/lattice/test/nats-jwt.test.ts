import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeNatsJwt, encodeNatsJwt, parseUnverifiedNatsJwt, signNatsJwt } from '../src/nats-jwt.ts';
import { createNkey } from '../src/nkey.ts';
import { throwsCode } from './support.ts';

const account = createNkey('A');

function token(header: string, claims: string, signer = account): string {
  const signed = `${Buffer.from(header).toString('base64url')}.${Buffer.from(claims).toString('base64url')}`;
  return `${signed}.${Buffer.from(signer.sign(Buffer.from(signed))).toString('base64url')}`;
}

test('what is encoded decodes, with issuer and time', () => {
  const jwt = encodeNatsJwt({ sub: 'UABC', nats: { type: 'user' } }, account, 1_700_000_000_999);
  const { issuer, claims } = decodeNatsJwt(jwt);
  assert.equal(issuer, account.publicKey);
  assert.equal(claims['iat'], 1_700_000_000);
  assert.equal(claims['sub'], 'UABC');
  assert.equal(typeof claims['jti'], 'string');
  assert.deepEqual(parseUnverifiedNatsJwt(jwt), claims);
});

test('both orders of the header that NATS writes are known', () => {
  const claims = JSON.stringify({ iss: account.publicKey });
  for (const header of ['{"typ":"JWT","alg":"ed25519-nkey"}', '{"alg":"ed25519-nkey","typ":"JWT"}']) {
    assert.equal(decodeNatsJwt(token(header, claims)).issuer, account.publicKey);
  }
});

test('other algorithms and headers are refused', () => {
  const claims = JSON.stringify({ iss: account.publicKey });
  const headers = [
    '{"typ":"JWT","alg":"none"}',
    '{"typ":"JWT","alg":"ed25519"}',
    '{"alg":"ed25519-nkey"}',
    '{"typ":"JWT","alg":"ed25519-nkey","crit":["x"]}',
    '{}',
    '',
  ];
  for (const header of headers)
    throwsCode('ERR_NATS_JWT_MALFORMED', () => decodeNatsJwt(token(header, claims)));
});

test('a signature of another key, a changed claim and a resized signature are refused', () => {
  const jwt = encodeNatsJwt({ sub: 'x' }, account);
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  const other = Buffer.from(JSON.stringify({ ...parseUnverifiedNatsJwt(jwt), sub: 'y' })).toString(
    'base64url',
  );
  const longer = Buffer.concat([Buffer.from(signature, 'base64url'), Buffer.of(0)]).toString('base64url');
  throwsCode('ERR_NATS_JWT_SIGNATURE', () => decodeNatsJwt(`${header}.${other}.${signature}`));
  throwsCode('ERR_NATS_JWT_SIGNATURE', () => decodeNatsJwt(`${header}.${claims}.${longer}`));
  throwsCode('ERR_NATS_JWT_SIGNATURE', () => decodeNatsJwt(`${header}.${claims}.`));
  throwsCode('ERR_NATS_JWT_SIGNATURE', () =>
    decodeNatsJwt(signNatsJwt(JSON.stringify({ iss: createNkey('A').publicKey }), account)),
  );
});

test('only one text stands for the same bytes (padding, other alphabet, white space, extra parts)', () => {
  const jwt = encodeNatsJwt({ sub: '\u00ff\u00fe>>>???' }, account);
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  for (const bad of [
    `${jwt}=`,
    `${jwt}\n`,
    `${header}.${claims}=.${signature}`,
    `${jwt}.${signature}`,
    `${header}.${claims}`,
    jwt.replaceAll('_', '/').replaceAll('-', '+') + '+',
    '',
    '..',
  ]) {
    assert.throws(() => decodeNatsJwt(bad));
  }
});

test('claims must be an object that names an issuer nkey, and never stand in the message', () => {
  for (const claims of ['[]', '"x"', 'null', '{"sub":"geheim"', '{"sub":"geheim"}', '{"iss":1}']) {
    const error = throwsCode('ERR_NATS_JWT_MALFORMED', () => decodeNatsJwt(signNatsJwt(claims, account)));
    assert.equal(error.message.includes('geheim'), false);
  }
  throwsCode('ERR_NKEY_MALFORMED', () => decodeNatsJwt(signNatsJwt('{"iss":"AAA"}', account)));
});
