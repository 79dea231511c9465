import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdentityState, X509Svid } from '@muster/spiffe';
import { watchValidity } from '../../src/session/identity.ts';
import { manualClock } from '../support/clock.ts';

function rig(lifeMs: number) {
  const clock = manualClock();
  let state: IdentityState = 'valid';
  let expiresAt = clock.now() + lifeMs;
  let listener = (_state: IdentityState): void => {};
  const identity = watchValidity(
    {
      state: () => state,
      getX509Svid: () => ({ expiresAt }) as X509Svid,
      getX509Bundle: () => undefined,
      onChange: (given) => {
        listener = given;
        return () => {};
      },
    },
    clock,
    { fetchToken: () => Promise.reject(new Error('unused')), close: async () => {} },
  );
  const told: boolean[] = [];
  identity.onChange(() => told.push(identity.isValid()));
  return {
    clock,
    identity,
    told,
    set: (next: IdentityState, lifeLeftMs = 0): void => {
      state = next;
      expiresAt = clock.now() + lifeLeftMs;
      listener(next);
    },
  };
}

test('an SVID that is not renewed ends on time although the source says nothing (I1)', async () => {
  const { clock, identity, told } = rig(10_000);
  await clock.advance(9_999);
  assert.equal(identity.isValid(), true);
  await clock.advance(1);
  assert.equal(identity.isValid(), false);
  assert.deepEqual(told, [false]);
});

test('a renewal moves the end', async () => {
  const { clock, identity, told, set } = rig(10_000);
  await clock.advance(5_000);
  set('valid', 10_000);
  await clock.advance(9_999);
  assert.equal(identity.isValid(), true);
  assert.deepEqual(told, [true]);
  await clock.advance(1);
  assert.deepEqual(told, [true, false]);
});

test('a withdrawn identity ends at once and may come back', () => {
  const { identity, told, set } = rig(10_000);
  set('withdrawn', 10_000);
  assert.equal(identity.isValid(), false);
  set('valid', 10_000);
  assert.equal(identity.isValid(), true);
  assert.deepEqual(told, [false, true]);
});

test('a life longer than a timer can count ends on time too', async () => {
  const days = 86_400_000;
  const { clock, identity, told } = rig(60 * days);
  await clock.advance(60 * days - 1);
  assert.equal(identity.isValid(), true);
  await clock.advance(1);
  assert.deepEqual(told, [false]);
});

test('a closed identity is no identity', async () => {
  const { identity } = rig(10_000);
  await identity.close();
  assert.equal(identity.isValid(), false);
});
