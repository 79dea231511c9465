import type { ImportInterface } from '../link/component.ts';
import { randomFillSync } from 'node:crypto';
import { Trap } from '../errors.ts';

/** More random bytes than this in one call are a trap. */
export const maxRandomBytes = 65_536;

function randomBytes(length: bigint): Uint8Array {
  if (length > BigInt(maxRandomBytes)) {
    throw new Trap(
      'ERR_TRAP_WASI',
      `Cannot make ${length} random bytes in one call: at most ${maxRandomBytes} are allowed`,
    );
  }
  return randomFillSync(new Uint8Array(Number(length)));
}

const pool = new BigUint64Array(64);
let used = pool.length;

function randomU64(): bigint {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const value = pool[used] ?? 0n;
  // A number given out once must not stay in host memory.
  pool[used] = 0n;
  used += 1;
  return value;
}

/** `wasi:random/random` (WASI 0.2). */
export const random: ImportInterface = { getRandomBytes: randomBytes, getRandomU64: randomU64 };

/** `wasi:random/insecure`: the secure generator serves it too. */
export const insecure: ImportInterface = {
  getInsecureRandomBytes: randomBytes,
  getInsecureRandomU64: randomU64,
};

/** `wasi:random/insecure-seed`. */
export const insecureSeed: ImportInterface = { insecureSeed: () => [randomU64(), randomU64()] };
