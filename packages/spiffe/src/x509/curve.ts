import { OID } from './oid.ts';

/** A curve y² = x³ - 3x + b over a prime field (FIPS 186-4 section D.1.2). Its order is prime, so that every point of it is a key. */
export interface Curve {
  readonly integerBytes: number;
  readonly prime: bigint;
  readonly b: bigint;
}

/** The curves that keys may be on, by object identifier. */
export const CURVES: ReadonlyMap<string, Curve> = new Map<string, Curve>([
  [
    OID.P256,
    {
      integerBytes: 32,
      prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    },
  ],
  [
    OID.P384,
    {
      integerBytes: 48,
      prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    },
  ],
  [
    OID.P521,
    {
      integerBytes: 66,
      prime: 2n ** 521n - 1n,
      b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    },
  ],
]);

/** Says whether x and y, each of full length, are a point of the curve. Public values only: it takes a varying time. */
export function isOnCurve({ integerBytes, prime, b }: Curve, coordinates: Uint8Array): boolean {
  if (coordinates.length !== 2 * integerBytes) {
    return false;
  }
  const digits = Buffer.from(coordinates.buffer, coordinates.byteOffset, coordinates.length).toString('hex');
  const x = BigInt(`0x${digits.slice(0, 2 * integerBytes)}`);
  const y = BigInt(`0x${digits.slice(2 * integerBytes)}`);
  return x < prime && y < prime && (y * y - (x * x - 3n) * x - b) % prime === 0n;
}
