import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { renewAt, Rotation, type Lifetime } from '../../src/ca/rotation.ts';

interface Key extends Lifetime {
  readonly id: number;
}

function rotation(lifeMs: number, now: number): { keys: Rotation<Key>; made: () => number } {
  let id = 0;
  const make = (at: number): Key => ({
    id: id++,
    preparedAt: at,
    notBeforeAt: at - 10_000,
    expiresAt: at + lifeMs,
  });
  return { keys: new Rotation(make, now), made: () => id };
}

function ids(keys: Rotation<Key>): readonly number[] {
  return keys.all.map((key) => key.id);
}

describe('Rotation', () => {
  const LIFE_MS = 60_000;

  it('publishes the next key at half of the life and uses it in the last sixth', () => {
    const { keys } = rotation(LIFE_MS, 0);
    assert.equal(keys.check(29_999), false);
    assert.deepEqual(ids(keys), [0]);

    assert.equal(keys.check(30_000), true, 'the published set changed');
    assert.deepEqual([keys.current.id, ids(keys)], [0, [0, 1]]);

    assert.equal(keys.check(49_999), false);
    assert.equal(keys.current.id, 0);
    assert.equal(keys.check(50_000), false, 'taking over changes nothing that is published');
    assert.equal(keys.current.id, 1);
  });

  it('publishes an old key until nothing that it signed can be valid', () => {
    const { keys } = rotation(LIFE_MS, 0);
    keys.check(30_000);
    keys.check(50_000);
    assert.ok(ids(keys).includes(0));
    keys.check(69_999);
    assert.ok(ids(keys).includes(0), 'a sixth of the life later it is still there');
    assert.equal(keys.check(70_000), true);
    assert.ok(!ids(keys).includes(0));
  });

  it('bounds the thresholds by days for long lives', () => {
    const day = 86_400_000;
    const { keys } = rotation(365 * day, 0);
    keys.check(335 * day - 1);
    assert.deepEqual(ids(keys), [0]);
    keys.check(335 * day);
    assert.deepEqual(ids(keys), [0, 1]);
    keys.check(358 * day);
    assert.equal(keys.current.id, 1);
  });

  it('never keeps a dead key current after a suspended machine wakes', () => {
    const { keys } = rotation(LIFE_MS, 0);
    assert.equal(keys.check(86_400_000), true);
    assert.equal(keys.current.id, 1);
    assert.equal(keys.current.preparedAt, 86_400_000);
  });

  it('makes a new key when the clock is set back before the current one begins', () => {
    const { keys } = rotation(LIFE_MS, 1_000_000);
    keys.check(1_000_000 - 10_000);
    assert.equal(keys.current.id, 0, 'a small step back is within the cushion');
    assert.equal(keys.check(900_000), true);
    assert.equal(keys.current.id, 1);
    assert.deepEqual(ids(keys), [1, 0], 'what was signed before the step can still be verified');
  });

  it('keeps a usable current key and a bounded set whatever the clock does', () => {
    const steps = fc.array(fc.integer({ min: -200_000, max: 200_000 }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (jumps) => {
        let now = 10_000_000;
        const { keys } = rotation(LIFE_MS, now);
        for (const jump of jumps) {
          now += jump;
          keys.check(now);
          assert.ok(keys.current.notBeforeAt <= now && now < keys.current.expiresAt);
          assert.ok(keys.all.length <= 18);
          assert.equal(keys.all[0], keys.current);
        }
      }),
    );
  });

  it('overlaps: each key was published for a third of a life before it signs, if time passes evenly', () => {
    const { keys } = rotation(LIFE_MS, 0);
    const published = new Map<number, number>();
    let current = 0;
    for (let now = 0; now < 20 * LIFE_MS; now += 1000) {
      keys.check(now);
      for (const id of ids(keys)) if (!published.has(id)) published.set(id, now);
      if (keys.current.id === current) continue;
      current = keys.current.id;
      assert.ok(now - (published.get(current) ?? now) >= LIFE_MS / 3);
    }
    assert.ok(current > 10);
  });
});

describe('renewAt', () => {
  it('is half of the life, give or take a tenth of that', () => {
    assert.equal(renewAt(0, 10_000, 0), 4500);
    assert.equal(renewAt(0, 10_000, 0.5), 5000);
    assert.equal(renewAt(0, 10_000, 1), 5500);
  });
});
