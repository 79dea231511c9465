import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import nacl from 'tweetnacl';
import { hsalsa20 } from '../src/hsalsa20.ts';
import { decodeSeed, formatPublicKey, parsePublicKey } from '../src/nkey.ts';
import { createXkey, xkeyFromSeed } from '../src/xkey.ts';
import { bytes, throwsCode } from './support.ts';

const { box: vector, signing } = JSON.parse(
  readFileSync(new URL('vectors/nkeys.json', import.meta.url), 'utf8'),
) as {
  box: Record<
    'senderSeed' | 'senderPublicKey' | 'recipientSeed' | 'recipientPublicKey' | 'message' | 'sealed',
    string
  >;
  signing: { seed: string; publicKey: string }[];
};

/** NaCl's own box, the way NATS frames it. */
function sealWithNacl(
  message: Uint8Array,
  nonce: Uint8Array,
  recipient: string,
  senderSeed: Uint8Array,
): Buffer {
  const { raw } = decodeSeed(senderSeed);
  const box = nacl.box(message, nonce, parsePublicKey(recipient, 'X'), Uint8Array.from(raw));
  return Buffer.concat([Buffer.from('xkv1'), nonce, box]);
}

test('a box that NATS sealed opens (known answer)', () => {
  const recipient = xkeyFromSeed(vector.recipientSeed);
  assert.equal(recipient.publicKey, vector.recipientPublicKey);
  assert.equal(xkeyFromSeed(vector.senderSeed).publicKey, vector.senderPublicKey);
  const opened = recipient.open(Buffer.from(vector.sealed, 'hex'), vector.senderPublicKey);
  assert.equal(Buffer.from(opened).toString(), vector.message);
});

test('boxes are NaCl boxes, byte for byte, in both directions (A59)', () => {
  const mine = createXkey();
  const peer = createXkey();
  for (const size of [0, 1, 15, 16, 900, 5_000]) {
    const message = nacl.randomBytes(size);
    const sealed = mine.seal(message, peer.publicKey);
    const nonce = Uint8Array.from(sealed.subarray(4, 28));
    assert.deepEqual(Buffer.from(sealed), sealWithNacl(message, nonce, peer.publicKey, mine.seed()));
    assert.deepEqual(Uint8Array.from(peer.open(sealed, mine.publicKey)), message);
    const theirs = sealWithNacl(message, nacl.randomBytes(24), mine.publicKey, peer.seed());
    assert.deepEqual(Uint8Array.from(mine.open(theirs, peer.publicKey)), message);
  }
});

test('the key derived with NaCl is the same for many key pairs', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (a, b) => {
        const publicKey = nacl.scalarMult.base(b);
        const derived = new Uint8Array(32);
        hsalsa20(derived, nacl.scalarMult(a, publicKey));
        assert.deepEqual(derived, nacl.box.before(publicKey, a));
      },
    ),
    { numRuns: 30 },
  );
});

test('no box opens that was changed in any byte, cut, or sealed for or by another', () => {
  const mine = createXkey();
  const peer = createXkey();
  const other = createXkey();
  const sealed = peer.seal(bytes('secret'), mine.publicKey);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    throwsCode('ERR_XKEY_OPEN_FAILED', () => mine.open(changed, peer.publicKey));
    throwsCode('ERR_XKEY_OPEN_FAILED', () => mine.open(sealed.subarray(0, at), peer.publicKey));
  }
  throwsCode('ERR_XKEY_OPEN_FAILED', () => mine.open(Buffer.concat([sealed, Buffer.of(0)]), peer.publicKey));
  throwsCode('ERR_XKEY_OPEN_FAILED', () => mine.open(sealed, other.publicKey));
  throwsCode('ERR_XKEY_OPEN_FAILED', () => other.open(sealed, peer.publicKey));
  throwsCode('ERR_XKEY_OPEN_FAILED', () => mine.open(bytes('eyJ0eXAiOiJKV1Qi'), peer.publicKey));
});

test('peers of low order are refused: everybody would know the shared secret (A59, A71)', () => {
  const mine = createXkey();
  const lowOrder = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ];
  for (const point of lowOrder) {
    const peer = formatPublicKey('X', Buffer.from(point, 'hex'));
    throwsCode('ERR_NKEY_MALFORMED', () => mine.seal(bytes('x'), peer));
    throwsCode('ERR_NKEY_MALFORMED', () => mine.open(Buffer.alloc(60, 'xkv1'), peer));
  }
});

test('two boxes of one message differ (A71)', () => {
  const mine = createXkey();
  const peer = createXkey();
  assert.notDeepEqual(mine.seal(bytes('x'), peer.publicKey), mine.seal(bytes('x'), peer.publicKey));
});

test('more peers than are remembered still work', () => {
  const mine = createXkey({ maxPeers: 2 });
  const peers = [1, 2, 3, 4].map(() => createXkey());
  for (const peer of [...peers, ...peers]) {
    assert.deepEqual(
      Buffer.from(peer.open(mine.seal(bytes('hi'), peer.publicKey), mine.publicKey)),
      Buffer.from('hi'),
    );
  }
});

test('keys and seeds of other kinds are refused; a wiped key does nothing', () => {
  throwsCode('ERR_NKEY_MALFORMED', () => xkeyFromSeed(signing[0]?.seed ?? ''));
  const key = createXkey();
  throwsCode('ERR_NKEY_MALFORMED', () => key.seal(bytes('x'), signing[0]?.publicKey ?? ''));
  assert.equal(xkeyFromSeed(key.seed()).publicKey, key.publicKey);
  key.wipe();
  throwsCode('ERR_NKEY_WIPED', () => key.seal(bytes('x'), vector.senderPublicKey));
  throwsCode('ERR_NKEY_WIPED', () => key.open(Buffer.alloc(60), vector.senderPublicKey));
  throwsCode('ERR_NKEY_WIPED', () => key.seed());
});
