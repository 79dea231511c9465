/// <reference path="./sodium-native.d.ts" />
import sodium from 'sodium-native';
import { base32Decode, base32Encode } from './base32.ts';
import { LatticeError } from './errors.ts';

/** First letter of a public nkey: account, cluster, server, operator, private, user, xkey. */
export type NkeyPrefix = 'A' | 'C' | 'N' | 'O' | 'U' | 'X';

const PREFIX_BYTES: Readonly<Record<NkeyPrefix, number>> = {
  A: 0x00,
  C: 0x10,
  N: 0x68,
  O: 0x70,
  U: 0xa0,
  X: 0xb8,
};
const SEED_PREFIX = 0x90;
const PUBLIC_TEXT = 56;
const SEED_TEXT = 58;
const SIGNATURE_BYTES = 64;

/** An Ed25519 key pair of NATS. The private part lives in guarded memory outside the JavaScript heap. */
export interface Nkey {
  readonly publicKey: string;
  /** 64 bytes. Throws ERR_NKEY_WIPED. */
  sign(data: Uint8Array): Uint8Array;
  /** The seed as ASCII text in ordinary memory: fill it with zeros after use. Throws ERR_NKEY_WIPED. */
  seed(): Uint8Array;
  /** Zeroes the private part; the key is useless afterwards. */
  wipe(): void;
}

/** A new key pair. */
export function createNkey(prefix: Exclude<NkeyPrefix, 'X'>): Nkey {
  const raw = sodium.sodium_malloc(32);
  sodium.randombytes_buf(raw);
  return fromRawSeed(prefix, raw);
}

/** A key pair from `S...` text or its ASCII bytes, which are not changed. Throws ERR_NKEY_MALFORMED. */
export function nkeyFromSeed(seed: Uint8Array | string): Nkey {
  const { prefix, raw } = decodeSeed(seed);
  if (prefix === 'X') throw malformed('it is the seed of an xkey');
  return fromRawSeed(prefix, raw);
}

/** True when `signature` is exactly 64 bytes and made by `publicKey` over `data`. Throws ERR_NKEY_MALFORMED for the key. */
export function verifyNkey(publicKey: string, data: Uint8Array, signature: Uint8Array): boolean {
  return verifyEd25519(parsePublicKey(publicKey), data, signature);
}

/** As `verifyNkey`, with the 32 bytes that `parsePublicKey` returned, for callers that keep them. */
export function verifyEd25519(rawKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  // libsodium's binding ignores what follows 64 bytes and throws below them.
  if (signature.length !== SIGNATURE_BYTES) return false;
  return sodium.crypto_sign_verify_detached(signature, data, rawKey);
}

/** The 32 bytes of a public nkey; with `prefix`, only of that kind. Throws ERR_NKEY_MALFORMED. */
export function parsePublicKey(text: string, prefix?: NkeyPrefix): Uint8Array {
  const bytes = new Uint8Array(35);
  // Not latin1, which would cut other characters down to letters: only one text may stand for a key.
  const isText = text.length === PUBLIC_TEXT && base32Decode(Buffer.from(text, 'utf8'), bytes);
  const kind = isText && hasValidChecksum(bytes) ? prefixOf(bytes[0] ?? -1) : undefined;
  if (kind === undefined || (prefix !== undefined && kind !== prefix)) {
    throw malformed(`it is not a public key${prefix === undefined ? '' : ` starting with ${prefix}`}`);
  }
  return bytes.slice(1, 33);
}

/** Text of a public key. */
export function formatPublicKey(prefix: NkeyPrefix, raw: Uint8Array): string {
  return base32Encode(withChecksum(Uint8Array.of(PREFIX_BYTES[prefix], ...raw)));
}

/** Raw seed of any kind, in guarded memory. Throws ERR_NKEY_MALFORMED. */
export function decodeSeed(seed: Uint8Array | string): { prefix: NkeyPrefix; raw: Buffer } {
  const text = typeof seed === 'string' ? Buffer.from(seed, 'utf8') : seed;
  const bytes = sodium.sodium_malloc(36);
  try {
    if (text.length !== SEED_TEXT || !base32Decode(text, bytes) || !hasValidChecksum(bytes)) {
      throw malformed('it is not a seed');
    }
    const [first = 0, second = 0] = bytes;
    const prefix = prefixOf(((first & 0x07) << 5) | (second >>> 3));
    if ((first & 0xf8) !== SEED_PREFIX || (second & 0x07) !== 0 || prefix === undefined) {
      throw malformed('it is not a seed');
    }
    const raw = sodium.sodium_malloc(32);
    bytes.copy(raw, 0, 2, 34);
    return { prefix, raw };
  } finally {
    sodium.sodium_memzero(bytes);
    if (typeof seed === 'string') text.fill(0);
  }
}

/** Seed text as ASCII bytes. */
export function encodeSeed(prefix: NkeyPrefix, raw: Uint8Array): Uint8Array {
  const kind = PREFIX_BYTES[prefix];
  const head = Uint8Array.of(SEED_PREFIX | (kind >>> 5), (kind & 0x1f) << 3, ...raw);
  const bytes = withChecksum(head);
  const text = Buffer.from(base32Encode(bytes), 'latin1');
  head.fill(0);
  bytes.fill(0);
  return text;
}

function fromRawSeed(prefix: NkeyPrefix, raw: Buffer): Nkey {
  const rawPublic = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
  const secret = sodium.sodium_malloc(sodium.crypto_sign_SECRETKEYBYTES);
  sodium.crypto_sign_seed_keypair(rawPublic, secret, raw);
  const publicKey = formatPublicKey(prefix, rawPublic);
  let isWiped = false;
  const assertUsable = (): void => {
    if (isWiped) throw new LatticeError('ERR_NKEY_WIPED', 'Cannot use nkey: it was wiped');
  };
  return {
    publicKey,
    sign(data) {
      assertUsable();
      const signature = Buffer.allocUnsafe(SIGNATURE_BYTES);
      sodium.crypto_sign_detached(signature, data, secret);
      return signature;
    },
    seed() {
      assertUsable();
      return encodeSeed(prefix, raw);
    },
    wipe() {
      isWiped = true;
      sodium.sodium_memzero(raw);
      sodium.sodium_memzero(secret);
    },
  };
}

function prefixOf(byte: number): NkeyPrefix | undefined {
  for (const [prefix, value] of Object.entries(PREFIX_BYTES)) {
    if (value === byte) return prefix as NkeyPrefix;
  }
  return undefined;
}

function withChecksum(payload: Uint8Array): Uint8Array {
  const checksum = crc16(payload);
  const bytes = new Uint8Array(payload.length + 2);
  bytes.set(payload);
  bytes[payload.length] = checksum & 0xff;
  bytes[payload.length + 1] = checksum >>> 8;
  return bytes;
}

function hasValidChecksum(bytes: Uint8Array): boolean {
  const end = bytes.length - 2;
  return crc16(bytes.subarray(0, end)) === ((bytes[end] ?? 0) | ((bytes[end + 1] ?? 0) << 8));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc;
}

function malformed(why: string): LatticeError {
  return new LatticeError('ERR_NKEY_MALFORMED', `Cannot parse nkey: ${why}`);
}
