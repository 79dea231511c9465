import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JwtSvid } from '@muster/spiffe';
import { Backoff } from '../src/backoff.ts';
import { sleep } from '../src/clock.ts';
import { withDeadline } from '../src/deadline.ts';
import { jsonLogger } from '../src/logger.ts';
import { PlannedReconnect } from '../src/planned-reconnect.ts';
import { TokenSlot } from '../src/token-slot.ts';
import { rejectsCode, settle, TestClock } from './support.ts';

function svid(token: string, expiresAt: number): JwtSvid {
  return { token, expiresAt } as JwtSvid;
}

test('pauses double up to the bound, shortened by jitter, and start anew after success', () => {
  const backoff = new Backoff({ initialDelayMs: 100, maxDelayMs: 1_000, jitter: 0.5, random: () => 1 });
  assert.equal(backoff.pauseMs, 0);
  const pauses = [1, 2, 3, 4, 5, 6].map(() => {
    backoff.begin();
    return backoff.pauseMs;
  });
  assert.deepEqual(pauses, [50, 100, 200, 400, 500, 500]);
  assert.equal(backoff.attempts, 6);
  assert.equal(backoff.firstPauseMs(), 50);
  backoff.succeed();
  assert.deepEqual([backoff.attempts, backoff.pauseMs], [0, 0]);
});

test('sleep ends with its time or its signal and leaves no timer', async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const ends: string[] = [];
  void sleep(clock, 100).then(() => ends.push('time'));
  void sleep(clock, 1_000, controller.signal).then(() => ends.push('signal'));
  await clock.advance(100);
  controller.abort();
  await settle();
  assert.deepEqual(ends, ['time', 'signal']);
  await sleep(clock, 1_000, controller.signal);
  assert.equal(clock.timers, 0);
});

test('a deadline ends work that does not listen', async () => {
  const clock = new TestClock();
  const result = withDeadline(clock, 50, new AbortController().signal, () => new Promise<never>(() => {}));
  const rejected = assert.rejects(result, /no result within 50 ms/);
  await clock.advance(50);
  await rejected;
  assert.equal(await withDeadline(clock, 50, new AbortController().signal, () => Promise.resolve(7)), 7);
  await assert.rejects(
    withDeadline(clock, 50, AbortSignal.abort(new Error('stopped')), () => Promise.resolve(7)),
    /stopped/,
  );
  assert.equal(clock.timers, 0);
});

test('every attempt asks for a fresh JWT-SVID', async () => {
  const clock = new TestClock();
  let fetches = 0;
  const fetchToken = (): Promise<JwtSvid> =>
    Promise.resolve(svid(`token-${(fetches += 1)}`, clock.now() + 60_000));
  const slot = new TokenSlot({ fetchToken, timeoutMs: 100, clock });
  const { signal } = new AbortController();
  assert.equal(slot.take(), undefined);
  await slot.prepare(signal);
  assert.equal(slot.take(), 'token-1');
  await slot.prepare(signal);
  assert.equal(slot.take(), 'token-2');
});

test('one that was fetched ahead serves the next attempt, and only that', async () => {
  const clock = new TestClock();
  let fetches = 0;
  const fetchToken = (): Promise<JwtSvid> =>
    Promise.resolve(svid(`token-${(fetches += 1)}`, clock.now() + 60_000));
  const slot = new TokenSlot({ fetchToken, timeoutMs: 100, clock });
  const { signal } = new AbortController();
  await slot.prepare(signal);
  await slot.prepare(signal);
  assert.equal(slot.take(), 'token-1');
  assert.equal(fetches, 1);
});

test('while the provider is away the last one is used until it expires, then none', async () => {
  const clock = new TestClock();
  let isUp = true;
  const fetchToken = (): Promise<JwtSvid> =>
    isUp ? Promise.resolve(svid('token', clock.now() + 10_000)) : Promise.reject(new Error('down'));
  const slot = new TokenSlot({ fetchToken, timeoutMs: 100, clock });
  const { signal } = new AbortController();
  await slot.prepare(signal);
  slot.take();
  isUp = false;
  await slot.prepare(signal);
  assert.equal(slot.take(), 'token');
  await clock.advance(9_500);
  assert.equal(slot.take(), undefined);
  const error = await rejectsCode('ERR_NO_TOKEN', slot.prepare(signal));
  assert.equal(error.message.includes('token'), false);
});

test('one that an attempt did not come to use is fresh for a moment only', async () => {
  const clock = new TestClock();
  let fetches = 0;
  const fetchToken = (): Promise<JwtSvid> =>
    Promise.resolve(svid(`token-${(fetches += 1)}`, clock.now() + 300_000));
  const slot = new TokenSlot({ fetchToken, timeoutMs: 100, clock });
  const { signal } = new AbortController();
  await slot.prepare(signal);
  await clock.advance(10_000);
  await slot.prepare(signal);
  assert.equal(slot.take(), 'token-2');
});

test('when the identity is no longer ours, the last one is not used either', async () => {
  const clock = new TestClock();
  const answers = [
    Promise.resolve(svid('token', clock.now() + 300_000)),
    Promise.reject(Object.assign(new Error('denied'), { code: 'ERR_NO_IDENTITY' })),
    Promise.reject(new Error('down')),
  ];
  for (const answer of answers) answer.catch(() => {});
  const fetchToken = (): Promise<JwtSvid> => answers.shift() as Promise<JwtSvid>;
  const slot = new TokenSlot({ fetchToken, timeoutMs: 100, clock });
  const { signal } = new AbortController();
  await slot.prepare(signal);
  assert.equal(slot.take(), 'token');
  await rejectsCode('ERR_NO_TOKEN', slot.prepare(signal));
  assert.equal(slot.take(), undefined);
  await rejectsCode('ERR_NO_TOKEN', slot.prepare(signal));
});

test('an expired or late JWT-SVID is not used', async () => {
  const clock = new TestClock();
  const { signal } = new AbortController();
  const expired = new TokenSlot({
    fetchToken: () => Promise.resolve(svid('old', clock.now())),
    timeoutMs: 100,
    clock,
  });
  await rejectsCode('ERR_NO_TOKEN', expired.prepare(signal));
  assert.equal(expired.take(), undefined);
  const late = new TokenSlot({ fetchToken: () => new Promise(() => {}), timeoutMs: 100, clock });
  const rejected = rejectsCode('ERR_NO_TOKEN', late.prepare(signal));
  await clock.advance(100);
  await rejected;
});

interface Plan {
  readonly planned: PlannedReconnect;
  readonly clock: TestClock;
  readonly log: string[];
}

function plan(options: {
  expiresInMs: number | undefined;
  random?: number;
  prefetch?: () => Promise<void>;
}): Plan {
  const clock = new TestClock();
  const log: string[] = [];
  const start = clock.now();
  const planned = new PlannedReconnect({
    clock,
    userExpiry: () =>
      Promise.resolve(options.expiresInMs === undefined ? undefined : start + options.expiresInMs),
    prefetch: options.prefetch ?? (() => Promise.resolve()),
    reconnect: () => log.push(`reconnect at ${clock.now() - start}`),
    random: () => options.random ?? 0.5,
  });
  return { planned, clock, log };
}

test('a connection is renewed around 80 % of its life, spread by jitter', async () => {
  for (const [random, at] of [
    [0, 750],
    [0.5, 800],
    [1, 850],
  ] as const) {
    const { planned, clock, log } = plan({ expiresInMs: 1_000, random });
    planned.arm();
    await settle();
    await clock.advance(at - 1);
    assert.deepEqual(log, []);
    await clock.advance(1);
    assert.deepEqual(log, [`reconnect at ${at}`]);
  }
});

test('without a credential the old connection is kept, and it is tried again', async () => {
  let isUp = false;
  const { planned, clock, log } = plan({
    expiresInMs: 100_000,
    prefetch: () => (isUp ? Promise.resolve() : Promise.reject(new Error('down'))),
  });
  planned.arm();
  await settle();
  await clock.advance(80_000);
  assert.deepEqual(log, []);
  isUp = true;
  await clock.advance(16_000);
  assert.deepEqual(log, ['reconnect at 96000']);
});

test('nothing is planned where no end is known, after disarming, or when it cannot be learned', async () => {
  const open = plan({ expiresInMs: undefined });
  open.planned.arm();
  const disarmed = plan({ expiresInMs: 1_000 });
  disarmed.planned.arm();
  await settle();
  assert.notEqual(disarmed.planned.userExpiresAt, undefined);
  disarmed.planned.disarm();
  assert.equal(disarmed.planned.userExpiresAt, undefined);
  const late = plan({ expiresInMs: 1_000 });
  late.planned.arm();
  late.planned.disarm();
  await settle();
  for (const { clock, log } of [open, disarmed, late]) {
    await clock.advance(10_000);
    assert.deepEqual(log, []);
    assert.equal(clock.timers, 0);
  }
});

test('log lines are JSON with constant message, service, time and errors spelled out', () => {
  const lines: string[] = [];
  const logger = jsonLogger(
    { write: (text) => lines.push(text) },
    { service: 'callout', clock: new TestClock() },
  );
  logger.debug('left out');
  logger.warn('something\nodd', {
    error: Object.assign(new Error('boom', { cause: new Error('why') }), { code: 'ERR_X' }),
    message: 'not mine',
  });
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.endsWith('\n'), true);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    error: { message: 'boom', code: 'ERR_X', cause: { message: 'why' } },
    at: '2026-01-02T03:04:05.678Z',
    level: 'warn',
    service: 'callout',
    message: 'something\nodd',
  });
});
