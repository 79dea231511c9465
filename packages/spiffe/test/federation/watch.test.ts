import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, createTestJwtAuthority } from '@muster/testing';
import type { TestClock } from '@muster/testing';

import {
  parseSpiffeBundle,
  parseX509Svid,
  tlsServerOptions,
  verifyX509Svid,
  watchBundle,
} from '../../src/index.ts';
import type { BundleEndpoint, BundleWatch, SpiffeBundle, WatchBundleOptions } from '../../src/index.ts';
import { until } from '../workload-api/support.ts';
import {
  answerWith,
  bundleDocument,
  ENDPOINT_ID,
  spiffeEndpoint,
  startEndpoint,
  webEndpoint,
  webServerOptions,
} from './support.ts';
import type { TestEndpoint } from './support.ts';

const FETCH_TIMEOUT_MS = 9999;
const web = createTestCa('web.example');
const ca = createTestCa('example.org');
const nextCa = createTestCa('example.org');
const example = ca.trustDomain;
const document = bundleDocument([ca], { sequence: 1n, refreshHintMs: 60_000 });

let server: TestEndpoint;
let endpoint: BundleEndpoint;
const watches: BundleWatch[] = [];

before(async () => {
  server = await startEndpoint(webServerOptions(web));
  endpoint = webEndpoint(example, server.url, web);
});

beforeEach(() => {
  server.answer = answerWith(document);
  server.requests.length = 0;
});

afterEach(async () => {
  await Promise.all(watches.splice(0).map(async (each) => await each.close()));
});

after(async () => {
  await server.close();
});

interface Observed {
  readonly watch: BundleWatch;
  readonly clock: TestClock;
  readonly updates: SpiffeBundle[];
  /** Code of each failure with the time to the next poll. */
  readonly errors: (readonly [string | undefined, number | undefined])[];
  /** Waits for the end of a poll and returns the time to the next one. */
  idle(): Promise<number>;
  /** Lets the next poll happen, and waits for its end. */
  poll(): Promise<number>;
}

function observe(
  options: WatchBundleOptions = {},
  target = endpoint,
  onUpdate: (bundle: SpiffeBundle) => unknown = () => {},
  onError: () => void = () => {},
): Observed {
  const clock = createTestClock(Date.now());
  const delays: number[] = [];
  const updates: SpiffeBundle[] = [];
  const errors: [string | undefined, number | undefined][] = [];
  const watch = watchBundle(
    target,
    {
      onUpdate(bundle) {
        updates.push(bundle);
        return onUpdate(bundle);
      },
      onError(error, retryInMs) {
        errors.push([(error as { code?: string }).code ?? error.message, retryInMs]);
        onError();
      },
    },
    {
      timeoutMs: FETCH_TIMEOUT_MS,
      ...options,
      clock: {
        ...clock,
        setTimeout(run, delayMs) {
          delays.push(delayMs);
          return clock.setTimeout(run, delayMs);
        },
      },
    },
  );
  watches.push(watch);
  const idle = async (): Promise<number> => {
    await until(() => (delays.at(-1) ?? FETCH_TIMEOUT_MS) !== FETCH_TIMEOUT_MS);
    return delays.at(-1) ?? 0;
  };
  const poll = async (): Promise<number> => {
    clock.advance((await idle()) - 1);
    const before = delays.length;
    clock.advance(1);
    await until(() => delays.length > before);
    return await idle();
  };
  return { watch, clock, updates, errors, idle, poll };
}

test('the first bundle comes at once and the watch is a source of it', async () => {
  const { watch, updates, idle } = observe();
  assert.equal(watch.getBundle(), undefined);
  assert.equal(watch.getX509Bundle(example), undefined);
  assert.equal(await idle(), 60_000);
  assert.equal(updates.length, 1);
  assert.equal(watch.getBundle(), updates[0]);
  assert.ok(watch.getX509Bundle(example)?.equals(ca.bundle));
  assert.equal(watch.getX509Bundle(web.trustDomain), undefined);
  assert.equal(watch.getJwtBundle(example)?.authorities.length, 0);
  assert.equal(watch.getJwtBundle(web.trustDomain), undefined);
});

test('polls at the refresh hint of the newest bundle, within bounds, or else every 300 s', async () => {
  for (const [hint, options, expected] of [
    [60_000, {}, 60_000],
    [undefined, {}, 300_000],
    [0, {}, 300_000],
    [1000, {}, 10_000],
    [1000, { minIntervalMs: 500 }, 1000],
    [1e15, {}, 86_400_000],
    [60_000, { maxIntervalMs: 30_000 }, 30_000],
  ] as const) {
    server.answer = answerWith(bundleDocument([ca], { refreshHintMs: hint }));
    const { idle, watch } = observe(options);
    assert.equal(await idle(), expected);
    await watch.close();
  }
});

test('intervals that would make a tight loop of polls are refused', () => {
  const wrong = [Number.NaN, 0, -1, Number.POSITIVE_INFINITY, 2 ** 31];
  for (const options of wrong.flatMap((ms) => [{ minIntervalMs: ms }, { maxIntervalMs: ms }])) {
    assert.throws(() => watchBundle(endpoint, { onUpdate() {} }, options), { code: 'ERR_SOURCE_OPTIONS' });
  }
});

test('an unchanged bundle is not reported again, a changed one is, and a changed hint counts at once', async () => {
  const { updates, errors, poll } = observe();
  await poll();
  await poll();
  assert.equal(updates.length, 1);
  server.answer = answerWith(bundleDocument([ca], { sequence: 2n, refreshHintMs: 20_000 }));
  assert.equal(await poll(), 20_000);
  assert.deepEqual(
    updates.map(({ sequence }) => sequence),
    [1n, 2n],
  );
  assert.equal(server.requests.length, 4);
  assert.deepEqual(errors, []);
});

test('a failure keeps the bundle and waits for the next interval', async () => {
  const { watch, updates, errors, idle, poll } = observe();
  await idle();
  for (const [answer, code] of [
    [answerWith('no bundle'), 'ERR_BUNDLE_MALFORMED'],
    [answerWith(bundleDocument([ca], { sequence: 0n })), 'ERR_BUNDLE_ROLLBACK'],
    [answerWith(bundleDocument([web], { sequence: 2n })), 'ERR_BUNDLE_TRUST_DOMAIN'],
  ] as const) {
    server.answer = answer;
    assert.equal(await poll(), 60_000);
    assert.deepEqual(errors.pop(), [code, 60_000]);
  }
  assert.deepEqual(errors, []);
  assert.equal(watch.getBundle(), updates[0]);
  server.answer = answerWith(bundleDocument([ca], { sequence: 2n }));
  await poll();
  assert.equal(watch.getBundle()?.sequence, 2n);
  assert.equal(server.requests.length, 5);
});

test('a first fetch that fails is tried again soon, then ever later, but no later than a poll', async () => {
  server.answer = (_request, response) => {
    response.writeHead(503);
    response.end();
  };
  const { watch, errors, idle, poll } = observe({ maxIntervalMs: 15_000 });
  await idle();
  for (let failures = 1; failures < 6; failures += 1) await poll();
  assert.equal(errors.length, 6);
  const delays = [1000, 2000, 4000, 8000, 15_000, 15_000];
  for (const [at, longest] of delays.entries()) {
    const [code, retryInMs = 0] = errors[at] ?? [];
    assert.equal(code, 'ERR_BUNDLE_ENDPOINT_STATUS');
    assert.ok(retryInMs >= 0.8 * longest && retryInMs <= longest, `${retryInMs} of ${longest}`);
  }
  server.answer = answerWith(document);
  assert.equal(await poll(), 15_000);
  assert.equal(watch.getBundle()?.sequence, 1n);
});

test('A52: a bundle kept from an earlier run is not rolled back', async () => {
  const previous = parseSpiffeBundle(example, bundleDocument([ca, nextCa], { sequence: 5n }));
  const { watch, errors, idle } = observe({ previous });
  assert.equal(watch.getBundle(), previous);
  await idle();
  assert.deepEqual(errors, [['ERR_BUNDLE_ROLLBACK', 300_000]]);
  assert.equal(watch.getBundle(), previous);
});

test('A54: a redirect is asked for anew at each poll', async () => {
  server.answer = (request, response) => {
    if (request.url === '/moved') {
      response.end(document);
    } else {
      response.writeHead(302, { location: '/moved' });
      response.end();
    }
  };
  const { poll } = observe();
  await poll();
  assert.deepEqual(server.requests, ['GET /bundle.json', 'GET /moved', 'GET /bundle.json', 'GET /moved']);
});

test('A54: an empty key set ends all trust in the domain', async () => {
  const { watch, poll, idle, clock } = observe();
  await idle();
  const chain = ca.issueX509Svid('spiffe://example.org/peer').certificates;
  assert.equal(verifyX509Svid(chain, watch, { now: clock.now() }).id.path, '/peer');
  server.answer = answerWith('{"keys":[],"spiffe_sequence":2}');
  await poll();
  assert.throws(() => verifyX509Svid(chain, watch, { now: clock.now() }), { code: 'ERR_BUNDLE_EMPTY' });
});

test('A55: a key that is no longer published is gone after the next poll', async () => {
  const jwt = createTestJwtAuthority('example.org');
  server.answer = answerWith(
    bundleDocument([ca, nextCa], { sequence: 1n, jwtAuthorities: jwt.bundle.authorities }),
  );
  const { watch, poll, idle, clock } = observe();
  await idle();
  const old = ca.issueX509Svid('spiffe://example.org/peer').certificates;
  verifyX509Svid(old, watch, { now: clock.now() });
  assert.equal(watch.getJwtBundle(example)?.authorities.length, 1);
  server.answer = answerWith(bundleDocument([nextCa], { sequence: 2n }));
  await poll();
  assert.throws(() => verifyX509Svid(old, watch, { now: clock.now() }), { code: 'ERR_SVID_UNTRUSTED' });
  assert.equal(watch.getJwtBundle(example)?.authorities.length, 0);
});

test('A56: a new authority is published before it is used, and the endpoint itself may then use it', async () => {
  let issuer = ca;
  const context = (): ReturnType<typeof tlsServerOptions> => {
    const issued = issuer.issueX509Svid(ENDPOINT_ID);
    const svid = parseX509Svid(issued.chainDer, issued.keyDer);
    return tlsServerOptions({ svid: { getX509Svid: () => svid } });
  };
  const old = await startEndpoint(context());
  issuer = nextCa;
  const rotated = await startEndpoint(context());
  try {
    old.answer = answerWith(bundleDocument([ca, nextCa], { sequence: 1n }));
    rotated.answer = answerWith(bundleDocument([nextCa], { sequence: 2n }));
    let port = old.port;
    // The name leads to the other server after the rotation.
    const target = {
      ...spiffeEndpoint(example, old.url, ca.bundle),
      get url() {
        return `https://localhost:${port}/`;
      },
    };
    const { watch, errors, idle, poll, clock } = observe({}, target);
    await idle();
    const early = nextCa.issueX509Svid('spiffe://example.org/peer').certificates;
    verifyX509Svid(early, watch, { now: clock.now() });
    port = rotated.port;
    await poll();
    await poll();
    assert.deepEqual(errors, []);
    assert.ok(watch.getX509Bundle(example)?.equals(nextCa.bundle));
    // Had the new leaf come before the new authority was published, it would not be let in: the old server is not any more.
    port = old.port;
    await poll();
    assert.deepEqual(errors, [['ERR_BUNDLE_ENDPOINT_IDENTITY', 300_000]]);
  } finally {
    await Promise.all([old.close(), rotated.close()]);
  }
});

test('a handler that throws refuses the bundle, which is offered again', async () => {
  let isRefusing = true;
  const { watch, updates, errors, idle, poll } = observe({}, endpoint, () => {
    if (isRefusing) {
      throw new Error('not now');
    }
  });
  await idle();
  assert.deepEqual(errors, [['not now', 0]]);
  assert.equal(watch.getBundle(), undefined);
  isRefusing = false;
  await poll();
  assert.equal(updates.length, 2);
  assert.equal(watch.getBundle(), updates[1]);
});

test('what an asynchronous handler rejects with is reported, and refuses nothing', async () => {
  const reject = (): unknown => Promise.reject(new Error('too late'));
  const { watch, updates, errors, idle } = observe({}, endpoint, reject);
  await idle();
  await until(() => errors.length === 1);
  assert.deepEqual(errors, [['too late', 0]]);
  assert.equal(watch.getBundle(), updates[0]);
});

test('a reporter that throws does not end the watch', async () => {
  server.answer = answerWith('');
  const { watch, errors, idle, poll } = observe({}, endpoint, undefined, () => {
    throw new Error('reporter');
  });
  await idle();
  server.answer = answerWith(document);
  await poll();
  assert.equal(errors.length, 1);
  assert.equal(watch.getBundle()?.sequence, 1n);
});

test('close ends a wait and a fetch, and nothing is told afterwards', async () => {
  const waiting = observe();
  await waiting.idle();
  await waiting.watch.close();
  assert.equal(await waiting.watch.ended, undefined);
  assert.throws(() => waiting.watch.getX509Bundle(example), { code: 'ERR_CLOSED' });
  assert.throws(() => waiting.watch.getJwtBundle(example), { code: 'ERR_CLOSED' });
  assert.equal(waiting.watch.getBundle()?.sequence, 1n, 'to be kept for the next watch');
  assert.equal(waiting.clock.pendingTimers, 0);

  let hasArrived = false;
  server.answer = () => {
    hasArrived = true;
  };
  const fetching = observe();
  await until(() => hasArrived);
  await fetching.watch[Symbol.asyncDispose]();
  assert.deepEqual([fetching.errors, fetching.updates], [[], []]);
  assert.equal(fetching.clock.pendingTimers, 0);
});

test('a signal ends the watch', async () => {
  const controller = new AbortController();
  const { watch, idle, clock } = observe({ signal: controller.signal });
  await idle();
  controller.abort();
  assert.equal(await watch.ended, undefined);
  assert.equal(clock.pendingTimers, 0);
  const before = server.requests.length;
  await observe({ signal: AbortSignal.abort() }).watch.ended;
  assert.equal(server.requests.length, before);
});

test('a configuration that cannot be meant is refused at once', () => {
  const handlers = { onUpdate: () => {} };
  assert.throws(() => watchBundle({ ...endpoint, url: 'http://localhost/' }, handlers), {
    code: 'ERR_BUNDLE_ENDPOINT_URL',
  });
  assert.throws(() => watchBundle(endpoint, handlers, { own: { trustDomain: example } }), {
    code: 'ERR_BUNDLE_TRUST_DOMAIN',
  });
});
