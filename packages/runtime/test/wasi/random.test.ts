import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insecure, insecureSeed, maxRandomBytes, random } from '../../src/wasi/random.ts';
import { callable, isTrap } from './support.ts';

test('random bytes come in the length asked for, and differ', () => {
  const { getRandomBytes } = callable(random);
  const first = getRandomBytes!(32n) as Uint8Array;
  assert.equal(first.length, 32);
  assert.notDeepEqual(first, getRandomBytes!(32n));
  assert.equal((getRandomBytes!(0n) as Uint8Array).length, 0);
  assert.equal((getRandomBytes!(BigInt(maxRandomBytes)) as Uint8Array).length, maxRandomBytes);
});

test('asking for more than the cap traps instead of allocating', () => {
  assert.throws(() => callable(random)['getRandomBytes']!(2n ** 32n), isTrap('ERR_TRAP_WASI'));
  assert.throws(() => callable(insecure)['getInsecureRandomBytes']!(2n ** 64n - 1n), isTrap('ERR_TRAP_WASI'));
});

test('numbers do not repeat across the pool they are drawn from', () => {
  const { getRandomU64 } = callable(random);
  const seen = new Set(Array.from({ length: 300 }, () => getRandomU64!() as bigint));
  assert.equal(seen.size, 300);
  for (const value of seen) assert.ok(value >= 0n && value < 2n ** 64n);
});

test('the insecure seed is a pair', () => {
  const seed = callable(insecureSeed)['insecureSeed']!() as bigint[];
  assert.equal(seed.length, 2);
  assert.notEqual(seed[0], seed[1]);
});
