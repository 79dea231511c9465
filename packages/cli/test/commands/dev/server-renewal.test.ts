import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTestClock, type TestClock } from '@muster/testing';
import { ServerRenewal } from '../../../src/commands/dev/server-renewal.ts';

const HOUR_MS = 3_600_000;

interface Setup {
  readonly clock: TestClock;
  readonly renewal: ServerRenewal;
  /** When the server was told to restart, in ms since the beginning. */
  readonly restarts: number[];
  /** What the running server's certificate says. */
  expiresAt: number | undefined;
  /** A server that is ready with an SVID of this life. */
  ready(lifeMs: number): void;
}

function setUp(): Setup {
  const clock = createTestClock();
  const startedAt = clock.now();
  const restarts: number[] = [];
  const setup: Setup = {
    clock,
    restarts,
    expiresAt: undefined,
    renewal: new ServerRenewal({
      clock,
      readExpiresAt: () => setup.expiresAt,
      restart: () => restarts.push(clock.now() - startedAt),
    }),
    ready(lifeMs) {
      setup.expiresAt = clock.now() + lifeMs;
      setup.renewal.plan();
    },
  };
  return setup;
}

describe('ServerRenewal', () => {
  it('restarts a server of 24 h after 19.2 h, and each one that follows it', () => {
    const { clock, restarts, ready } = setUp();
    ready(24 * HOUR_MS);
    clock.advance(19.2 * HOUR_MS - 1);
    assert.deepEqual(restarts, []);
    clock.advance(1);
    assert.deepEqual(restarts, [19.2 * HOUR_MS]);
    clock.advance(HOUR_MS);
    assert.equal(restarts.length, 1, 'a server that is not back yet is not ended once more');
    ready(24 * HOUR_MS);
    clock.advance(24 * HOUR_MS);
    assert.deepEqual(restarts, [19.2 * HOUR_MS, 39.4 * HOUR_MS]);
  });

  it('follows the certificate, whatever life its provider chose', () => {
    const { clock, restarts, ready } = setUp();
    ready(30_000);
    clock.advance(24_000);
    assert.deepEqual(restarts, [24_000]);
    // Longer than any timer of Node can run.
    ready(365 * 24 * HOUR_MS);
    clock.advance(291 * 24 * HOUR_MS);
    assert.equal(restarts.length, 1);
    clock.advance(2 * 24 * HOUR_MS);
    assert.equal(restarts.length, 2);
  });

  it('begins anew with a server that was started again for another reason', () => {
    const { clock, restarts, ready } = setUp();
    ready(24 * HOUR_MS);
    clock.advance(19 * HOUR_MS);
    ready(24 * HOUR_MS);
    clock.advance(19 * HOUR_MS);
    assert.deepEqual(restarts, []);
    assert.equal(clock.pendingTimers, 1);
  });

  it('notices within a minute that the machine slept past the time', () => {
    const { clock, restarts, ready } = setUp();
    ready(24 * HOUR_MS);
    clock.advance(HOUR_MS);
    // Asleep: the time goes on, timers do not.
    clock.jump(clock.now() + 20 * HOUR_MS);
    clock.advance(60_000);
    assert.equal(restarts.length, 1);
  });

  it('does not restart without rest when the SVID is about to end or has ended', () => {
    for (const lifeMs of [1_000, 0, -HOUR_MS]) {
      const { clock, restarts, ready } = setUp();
      ready(lifeMs);
      clock.advance(4_999);
      assert.deepEqual(restarts, []);
      clock.advance(1);
      assert.deepEqual(restarts, [5_000]);
    }
  });

  it('asks again later when the certificate cannot be read', () => {
    const setup = setUp();
    setup.renewal.plan();
    setup.clock.advance(59_999);
    setup.expiresAt = setup.clock.now() + 1 + 100_000;
    setup.clock.advance(1);
    setup.clock.advance(80_000);
    assert.deepEqual(setup.restarts, [140_000]);
  });

  it('leaves no timer behind', () => {
    const { clock, restarts, renewal, ready } = setUp();
    ready(HOUR_MS);
    renewal.stop();
    assert.equal(clock.pendingTimers, 0);
    clock.advance(2 * HOUR_MS);
    assert.deepEqual(restarts, []);
    renewal.stop();
  });

  it('plans nothing for a server that becomes ready after the end', () => {
    const { clock, renewal, ready } = setUp();
    renewal.stop();
    ready(HOUR_MS);
    assert.equal(clock.pendingTimers, 0);
  });
});
