import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateLimiter, type RateDecision } from '../../src/endpoints/rate-limiter.ts';

function caller(pid: number, child?: string): Parameters<RateLimiter['take']>[0] {
  return {
    pid,
    startTime: '1',
    uid: 1000,
    gid: 1000,
    childNames: child === undefined ? [] : [child],
    isSelf: false,
  };
}

describe('RateLimiter', () => {
  function limiter(callsPerSecond: number): {
    now: number;
    take(c: ReturnType<typeof caller>): RateDecision;
  } {
    const state = { now: 0, take: (c: ReturnType<typeof caller>) => limits.take(c) };
    const limits = new RateLimiter(callsPerSecond, () => state.now);
    return state;
  }

  it('allows a burst of two seconds, then the rate', () => {
    const limits = limiter(10);
    for (let call = 0; call < 20; call++) assert.equal(limits.take(caller(1)), 'allowed');
    assert.equal(limits.take(caller(1)), 'limited');
    limits.now += 100;
    assert.equal(limits.take(caller(1)), 'allowed');
    assert.notEqual(limits.take(caller(1)), 'allowed');
  });

  it('reports a noisy caller once until it was quiet', () => {
    const limits = limiter(1);
    limits.take(caller(1));
    limits.take(caller(1));
    assert.equal(limits.take(caller(1)), 'limited');
    assert.equal(limits.take(caller(1)), 'limited-again');
    limits.now += 2000;
    assert.equal(limits.take(caller(1)), 'allowed');
    assert.equal(limits.take(caller(1)), 'allowed');
    assert.equal(limits.take(caller(1)), 'limited');
  });

  it('does not let one process starve another, nor all strangers of a user starve a child', () => {
    const limits = limiter(1);
    for (let call = 0; call < 10; call++) limits.take(caller(1));
    assert.equal(limits.take(caller(2)), 'allowed');
    for (let pid = 100; pid < 200; pid++) limits.take(caller(pid));
    assert.notEqual(limits.take(caller(300)), 'allowed', 'a new process of a noisy user is limited too');
    assert.equal(limits.take(caller(400, 'host')), 'allowed');
    assert.equal(limits.take({ ...caller(401), isSelf: true }), 'allowed');
  });

  it('takes no tokens away when the clock is set back', () => {
    const limits = limiter(10);
    limits.take(caller(1));
    limits.now -= 86_400_000;
    assert.equal(limits.take(caller(1)), 'allowed');
  });
});
