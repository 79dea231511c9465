import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import nacl from 'tweetnacl';
import { base32Decode, base32Encode } from '../src/base32.ts';
import {
  createNkey,
  decodeSeed,
  formatPublicKey,
  nkeyFromSeed,
  parsePublicKey,
  verifyNkey,
} from '../src/nkey.ts';
import { bytes, throwsCode } from './support.ts';

const vectors = JSON.parse(readFileSync(new URL('vectors/nkeys.json', import.meta.url), 'utf8')) as {
  signing: { prefix: string; seed: string; publicKey: string; message: string; signature: string }[];
};

for (const { prefix, seed, publicKey, message, signature } of vectors.signing) {
  test(`a ${prefix} key has the public key and signature that NATS gives it`, () => {
    const key = nkeyFromSeed(seed);
    assert.equal(key.publicKey, publicKey);
    assert.equal(Buffer.from(key.sign(bytes(message))).toString('hex'), signature);
    assert.equal(Buffer.from(key.seed()).toString('latin1'), seed);
    assert.equal(verifyNkey(publicKey, bytes(message), Buffer.from(signature, 'hex')), true);
  });
}

test('signatures and public keys are those of another Ed25519 implementation', () => {
  for (let round = 0; round < 5; round += 1) {
    const key = createNkey('U');
    const pair = nacl.sign.keyPair.fromSeed(Uint8Array.from(decodeSeed(key.seed()).raw));
    assert.equal(key.publicKey, formatPublicKey('U', pair.publicKey));
    const data = nacl.randomBytes(300);
    assert.deepEqual(Buffer.from(key.sign(data)), Buffer.from(nacl.sign.detached(data, pair.secretKey)));
  }
});

test('seed bytes that are handed in are left alone', () => {
  const seed = Buffer.from(vectors.signing[0]?.seed ?? '', 'latin1');
  const before = Buffer.from(seed);
  nkeyFromSeed(seed);
  assert.deepEqual(seed, before);
});

test('a wiped key does nothing any more', () => {
  const key = createNkey('A');
  key.wipe();
  throwsCode('ERR_NKEY_WIPED', () => key.sign(bytes('x')));
  throwsCode('ERR_NKEY_WIPED', () => key.seed());
});

test('changed data, changed and resized signatures do not verify', () => {
  const key = createNkey('N');
  const signature = key.sign(bytes('data'));
  assert.equal(verifyNkey(key.publicKey, bytes('data'), signature), true);
  assert.equal(verifyNkey(key.publicKey, bytes('Data'), signature), false);
  assert.equal(verifyNkey(key.publicKey, bytes('data'), Buffer.concat([signature, Buffer.of(0)])), false);
  assert.equal(verifyNkey(key.publicKey, bytes('data'), signature.subarray(0, 63)), false);
  assert.equal(verifyNkey(key.publicKey, bytes('data'), new Uint8Array()), false);
  assert.equal(verifyNkey(createNkey('N').publicKey, bytes('data'), signature), false);
});

test('every single changed character of a public key is noticed (A62)', () => {
  const text = vectors.signing[2]?.publicKey ?? '';
  for (let at = 0; at < text.length; at += 1) {
    const changed = text.slice(0, at) + (text[at] === 'B' ? 'C' : 'B') + text.slice(at + 1);
    throwsCode('ERR_NKEY_MALFORMED', () => parsePublicKey(changed));
  }
});

test('a character that only ends in the byte of the right one is another character (A62)', () => {
  const key = createNkey('U');
  const seed = Buffer.from(key.seed()).toString('latin1');
  for (const at of [0, 5, 55]) {
    const shift = (text: string): string =>
      text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) + 0x100) + text.slice(at + 1);
    throwsCode('ERR_NKEY_MALFORMED', () => parsePublicKey(shift(key.publicKey)));
    throwsCode('ERR_NKEY_MALFORMED', () => nkeyFromSeed(shift(seed)));
  }
});

test('truncated, padded, lower-case and wrong-kind keys are refused (A62)', () => {
  const text = vectors.signing[1]?.publicKey ?? '';
  for (const bad of [
    '',
    text.slice(0, -1),
    text.slice(1),
    `${text}A`,
    `${text}=`,
    text.toLowerCase(),
    ` ${text.slice(1)}`,
    `${text.slice(0, -1)}€`,
  ]) {
    throwsCode('ERR_NKEY_MALFORMED', () => parsePublicKey(bad));
  }
  throwsCode('ERR_NKEY_MALFORMED', () => parsePublicKey(text, 'N'));
  throwsCode('ERR_NKEY_MALFORMED', () => parsePublicKey(vectors.signing[1]?.seed ?? ''));
  assert.equal(parsePublicKey(text, 'U').length, 32);
});

test('no seed text but a right one is taken, and it never stands in the message', () => {
  const seed = vectors.signing[0]?.seed ?? '';
  for (const bad of [
    '',
    seed.slice(0, -1),
    `${seed}A`,
    seed.toLowerCase(),
    vectors.signing[0]?.publicKey ?? '',
    seed.replace('S', 'T'),
  ]) {
    const error = throwsCode('ERR_NKEY_MALFORMED', () => nkeyFromSeed(bad));
    assert.equal(bad === '' || !error.message.includes(bad), true);
  }
  for (let at = 0; at < seed.length; at += 1) {
    throwsCode('ERR_NKEY_MALFORMED', () =>
      nkeyFromSeed(seed.slice(0, at) + (seed[at] === 'B' ? 'C' : 'B') + seed.slice(at + 1)),
    );
  }
});

test('base32 goes there and back, and refuses stray bits', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (data) => {
      const out = new Uint8Array(data.length);
      assert.equal(base32Decode(Buffer.from(base32Encode(data), 'latin1'), out), true);
      assert.deepEqual(out, data);
    }),
  );
  assert.equal(base32Encode(Uint8Array.of(0xff)), '74');
  assert.equal(base32Decode(bytes('75'), new Uint8Array(1)), false);
  assert.equal(base32Decode(bytes('7!'), new Uint8Array(1)), false);
});
