// Tokens that are no JWS in compact form, or whose signature does not hold.
import { generateEcKeyPair, type KeyPair } from '@muster/testing';
import { createHmac, sign } from 'node:crypto';
import type { AddJwt, JwtExpectation, JwtKeys } from './make-jwt.ts';
import type { SpiffeErrorCode } from '@muster/spiffe';
import { base64url, goodClaims } from './vector.ts';

export function makeForms(add: AddJwt, keys: JwtKeys): void {
  const broken = (ours: SpiffeErrorCode, rule: string): JwtExpectation => ({ ours, rule });
  const part = (token: string, index: number): string => token.split('.')[index] ?? '';
  const replace =
    (index: number, change: (text: string) => string) =>
    (token: string): string =>
      token
        .split('.')
        .map((text, at) => (at === index ? change(text) : text))
        .join('.');
  const admin = base64url(JSON.stringify({ ...goodClaims, sub: 'spiffe://example.org/admin' }));
  const zeros = Buffer.alloc(64).toString('base64url');
  add(
    'claims-changed',
    { spoil: replace(1, () => admin) },
    broken('ERR_JWT_SIGNATURE', 'RFC 7515 5.2, JV-14'),
  );
  add(
    'signature-changed',
    { spoil: replace(2, (text) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)) },
    broken('ERR_JWT_SIGNATURE', 'RFC 7515 5.2, JV-15'),
  );
  add('signature-of-zeros', { spoil: replace(2, () => zeros) }, broken('ERR_JWT_SIGNATURE', 'RFC 7518 3.4'));
  add(
    'signature-in-der',
    { spoil: (token) => signInDer(token, keys.main) },
    broken('ERR_JWT_SIGNATURE', 'RFC 7518 3.4'),
  );
  add(
    'signature-by-another-key',
    { key: generateEcKeyPair().privateKey },
    broken('ERR_JWT_SIGNATURE', 'JWT-SVID 4, JV-16'),
  );
  add(
    'signature-padded',
    { spoil: (token) => `${token}==` },
    { ...broken('ERR_JWT_BASE64', 'RFC 7515 2'), jose: 'accepted' },
  );
  add(
    'signature-too-long',
    { spoil: (token) => token + 'A'.repeat(1400) },
    broken('ERR_JWT_SIGNATURE', 'own limit'),
  );
  add(
    'base64-with-unused-bits',
    { spoil: replace(2, (text) => `${text.slice(0, -1)}${nextCharacter(text.at(-1) ?? 'A')}`) },
    { ...broken('ERR_JWT_BASE64', 'RFC 4648 3.5'), goSpiffe: 'accepted', jose: 'accepted' },
  );
  add(
    'base64-of-the-other-alphabet',
    { spoil: replace(1, () => '+/+/') },
    broken('ERR_JWT_BASE64', 'RFC 7515 2'),
  );
  add(
    'two-parts',
    { spoil: (token) => `${part(token, 0)}.${part(token, 1)}` },
    broken('ERR_JWT_MALFORMED', 'RFC 7515 7.1, JV-25'),
  );
  add(
    'four-parts',
    { spoil: (token) => `${token}.AAAA` },
    broken('ERR_JWT_MALFORMED', 'RFC 7515 7.1, JV-25'),
  );
  add(
    'five-parts',
    { spoil: (token) => `${token}.AAAA.AAAA` },
    broken('ERR_JWT_MALFORMED', 'RFC 7515 7.1, JV-25'),
  );
  add('empty', { spoil: () => '' }, broken('ERR_JWT_MALFORMED', 'RFC 7515 7.1, JV-25'));
  const json = (token: string): string =>
    JSON.stringify({ protected: part(token, 0), payload: part(token, 1), signature: part(token, 2) });
  add('json-serialisation', { spoil: json }, broken('ERR_JWT_MALFORMED', 'JWT-SVID 2, JV-24'));
  add(
    'too-long',
    { claims: { padding: 'a'.repeat(7000) } },
    { ...broken('ERR_JWT_TOO_LONG', 'own limit'), goSpiffe: 'accepted', jose: 'accepted' },
  );
  add('bundle-empty', {}, broken('ERR_BUNDLE_EMPTY', 'Trust Domain and Bundle 4.1.3, JB-7'), {
    bundle: 'empty.jwks.json',
  });
}

/** The character that decodes to the same bytes at the end of an ES256 signature: its last two bits are not used. */
function nextCharacter(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(character) | 1] ?? '';
}

export function signWithHmac({ publicKey }: KeyPair): string {
  const signed = `${base64url('{"alg":"HS256","kid":"main","typ":"JWT"}')}.${base64url(JSON.stringify(goodClaims))}`;
  const pem = publicKey.export({ format: 'pem', type: 'spki' });
  return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
}

export function signWithEd25519({ privateKey }: KeyPair): string {
  const signed = `${base64url('{"alg":"EdDSA","kid":"ed25519","typ":"JWT"}')}.${base64url(JSON.stringify(goodClaims))}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}

function signInDer(token: string, { privateKey }: KeyPair): string {
  const signed = token.slice(0, token.lastIndexOf('.'));
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}
