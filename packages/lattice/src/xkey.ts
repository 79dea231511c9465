/// <reference path="./sodium-native.d.ts" />
import sodium from 'sodium-native';
import { LatticeError } from './errors.ts';
import { hsalsa20 } from './hsalsa20.ts';
import { decodeSeed, encodeSeed, formatPublicKey, parsePublicKey } from './nkey.ts';

/** An X25519 key pair of NATS. The private part and the derived keys live in guarded memory. */
export interface Xkey {
  /** `X...` */
  readonly publicKey: string;
  /** Seals for `recipient` (`X...`) with a random nonce. Throws ERR_NKEY_MALFORMED, ERR_NKEY_WIPED. */
  seal(data: Uint8Array, recipient: string): Uint8Array;
  /** Opens a box that `sender` sealed for this key. Throws ERR_XKEY_OPEN_FAILED, ERR_NKEY_MALFORMED, ERR_NKEY_WIPED. */
  open(box: Uint8Array, sender: string): Uint8Array;
  /** The seed as ASCII text in ordinary memory: fill it with zeros after use. */
  seed(): Uint8Array;
  wipe(): void;
}

export interface XkeyOptions {
  /** Derived keys kept, one per peer. Default 256. */
  readonly maxPeers?: number;
}

const VERSION = Buffer.from('xkv1', 'latin1');
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const HEAD_BYTES = VERSION.length + NONCE_BYTES;

/** A new key pair. */
export function createXkey(options: XkeyOptions = {}): Xkey {
  const raw = sodium.sodium_malloc(32);
  sodium.randombytes_buf(raw);
  return fromRawSeed(raw, options);
}

/** A key pair from `SX...` text or its ASCII bytes, which are not changed. Throws ERR_NKEY_MALFORMED. */
export function xkeyFromSeed(seed: Uint8Array | string, options: XkeyOptions = {}): Xkey {
  const { prefix, raw } = decodeSeed(seed);
  if (prefix !== 'X')
    throw new LatticeError('ERR_NKEY_MALFORMED', 'Cannot parse xkey: it is not the seed of an xkey');
  return fromRawSeed(raw, options);
}

function fromRawSeed(raw: Buffer, { maxPeers = 256 }: XkeyOptions): Xkey {
  const rawPublic = Buffer.alloc(32);
  sodium.crypto_scalarmult_base(rawPublic, raw);
  const publicKey = formatPublicKey('X', rawPublic);
  const sharedKeys = new Map<string, Buffer>();
  let isWiped = false;

  const sharedKey = (peer: string): Buffer => {
    if (isWiped) throw new LatticeError('ERR_NKEY_WIPED', 'Cannot use xkey: it was wiped');
    const known = sharedKeys.get(peer);
    if (known !== undefined) return known;
    const key = deriveSharedKey(raw, peer);
    const oldest = sharedKeys.size < maxPeers ? undefined : sharedKeys.entries().next().value;
    if (oldest !== undefined) {
      sharedKeys.delete(oldest[0]);
      sodium.sodium_memzero(oldest[1]);
    }
    sharedKeys.set(peer, key);
    return key;
  };

  return {
    publicKey,
    seal(data, recipient) {
      const key = sharedKey(recipient);
      const box = Buffer.allocUnsafe(HEAD_BYTES + TAG_BYTES + data.length);
      box.set(VERSION);
      const nonce = box.subarray(VERSION.length, HEAD_BYTES);
      sodium.randombytes_buf(nonce);
      sodium.crypto_secretbox_easy(box.subarray(HEAD_BYTES), data, nonce, key);
      return box;
    },
    open(box, sender) {
      const key = sharedKey(sender);
      const isBox = box.length >= HEAD_BYTES + TAG_BYTES && VERSION.equals(box.subarray(0, VERSION.length));
      if (isBox) {
        const data = Buffer.allocUnsafe(box.length - HEAD_BYTES - TAG_BYTES);
        const nonce = box.subarray(VERSION.length, HEAD_BYTES);
        if (sodium.crypto_secretbox_open_easy(data, box.subarray(HEAD_BYTES), nonce, key)) return data;
      }
      throw new LatticeError('ERR_XKEY_OPEN_FAILED', 'Cannot open box: it is damaged or of another key');
    },
    seed() {
      if (isWiped) throw new LatticeError('ERR_NKEY_WIPED', 'Cannot use xkey: it was wiped');
      return encodeSeed('X', raw);
    },
    wipe() {
      isWiped = true;
      sodium.sodium_memzero(raw);
      for (const key of sharedKeys.values()) sodium.sodium_memzero(key);
      sharedKeys.clear();
    },
  };
}

/** NaCl's box key: X25519, then HSalsa20. Refuses points of low order, whose shared secret anybody knows. */
function deriveSharedKey(raw: Buffer, peer: string): Buffer {
  const peerKey = parsePublicKey(peer, 'X');
  const key = sodium.sodium_malloc(32);
  try {
    sodium.crypto_scalarmult(key, raw, peerKey);
  } catch (cause) {
    throw new LatticeError('ERR_NKEY_MALFORMED', 'Cannot use xkey of peer: it is a point of low order', {
      cause,
    });
  }
  if (key.every((byte) => byte === 0)) {
    throw new LatticeError('ERR_NKEY_MALFORMED', 'Cannot use xkey of peer: it is a point of low order');
  }
  hsalsa20(key, key);
  return key;
}
