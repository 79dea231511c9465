import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestClock } from '@muster/testing';

import { createX509Source } from '../../src/index.ts';
import type { IdentityState, X509Source, X509SourceOptions } from '../../src/index.ts';
import { GRPC_STATUS } from '../../src/wire/index.ts';
import { until, x509Message } from './support.ts';
import type { OfferedSvid } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const OTHER_ID = 'spiffe://example.org/a-comes-first';
const ca = createTestCa('example.org', NOW);

let api: FakeWorkloadApi;
let clock: TestClock;
let errors: string[];

beforeEach(async () => {
  api = await startFakeWorkloadApi();
  clock = createTestClock(NOW);
  errors = [];
});

afterEach(async () => {
  await api.stop();
});

function offer(id: string = ID, expiresAt: number = NOW + 60_000): OfferedSvid {
  return { id, svid: ca.issueX509Svid(id, { expiresAt }), bundle: ca.certificate };
}

async function createSource(options: Partial<X509SourceOptions> = {}): Promise<X509Source> {
  return await createX509Source({
    address: api.address,
    spiffeId: ID,
    clock,
    onError: (error) => {
      errors.push((error as { code?: string }).code ?? error.message);
    },
    ...options,
  });
}

/** Lets the retry timers of the standing clock run until something holds. */
async function untilWithRetries(condition: () => boolean): Promise<void> {
  await until(() => {
    if (!condition()) {
      clock.advance(1);
    }
    return condition();
  });
}

const retry = { initialDelayMs: 1, maxDelayMs: 1, jitter: 0 };

test('the identity that was named is taken, not the first', async () => {
  api.send('FetchX509SVID', x509Message([offer(OTHER_ID), offer(ID)]));
  await using source = await createSource();
  assert.equal(source.getX509Svid().id.toString(), ID);
  assert.equal(source.state(), 'valid');
  assert.ok(source.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
});

test('without a name the first is taken', async () => {
  api.send('FetchX509SVID', x509Message([offer(OTHER_ID), offer(ID)]));
  await using source = await createSource({ spiffeId: undefined });
  assert.equal(source.getX509Svid().id.toString(), OTHER_ID);
});

test('the first identity is waited for, through denials and other identities', async () => {
  const creating = createSource({ retry });
  await untilWithRetries(() => errors.filter((code) => code === 'ERR_NO_IDENTITY').length >= 2);
  api.send('FetchX509SVID', x509Message([offer(OTHER_ID)]));
  const denials = errors.length;
  await untilWithRetries(() => errors.length > denials);
  assert.deepEqual([...new Set(errors)], ['ERR_NO_IDENTITY']);
  api.send('FetchX509SVID', x509Message([offer()]));
  let source: X509Source | undefined;
  void creating.then((created) => {
    source = created;
  });
  await untilWithRetries(() => source !== undefined);
  assert.equal(source?.getX509Svid().id.toString(), ID);
  await source?.close();
});

test('waiting ends by the time limit, with the last failure as the cause', async () => {
  const creating = createSource({ retry: { initialDelayMs: 1000, jitter: 0 }, timeoutMs: 500 });
  await until(() => errors.length === 1);
  clock.advance(500);
  await assert.rejects(creating, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'ERR_TIMEOUT');
    assert.equal((error.cause as { code?: string }).code, 'ERR_NO_IDENTITY');
    assert.match(
      error.message,
      /within 500 ms: .*PERMISSION_DENIED.* \(the process that asks must be registered there\)$/,
    );
    return true;
  });
  assert.equal(clock.pendingTimers, 0);
});

test('waiting ends by the signal', async () => {
  const controller = new AbortController();
  const creating = createSource({ retry, signal: controller.signal });
  await until(() => errors.length === 1);
  controller.abort();
  await assert.rejects(creating, { code: 'ERR_ABORTED' });
  await assert.rejects(createSource({ signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' });
});

test('waiting ends at once where trying again is no use', async () => {
  api.refuse('FetchX509SVID', GRPC_STATUS.INVALID_ARGUMENT);
  await assert.rejects(createSource(), { code: 'ERR_REQUEST_REFUSED' });
  api.refuse('FetchX509SVID', GRPC_STATUS.UNIMPLEMENTED);
  await assert.rejects(createSource(), { code: 'ERR_ENDPOINT_UNIMPLEMENTED' });
  await assert.rejects(createSource({ spiffeId: 'not an id' }), { code: 'ERR_ID_SCHEME' });
  await assert.rejects(createSource({ address: 'tcp://x' }), { code: 'ERR_ENDPOINT_ADDRESS' });
});

test('a pushed SVID takes the place of the old one, with its bundle', async () => {
  api.send('FetchX509SVID', x509Message([offer()]));
  await using source = await createSource();
  const states: IdentityState[] = [];
  source.onChange((state) => {
    states.push(state);
    // A listener sees the new state, whole.
    assert.ok(source.getX509Bundle(ca.trustDomain)?.equals(next.bundle));
    assert.equal(source.getX509Svid().expiresAt, NOW + 120_000);
  });
  const next = createTestCa('example.org', NOW);
  api.send(
    'FetchX509SVID',
    x509Message([
      { id: ID, svid: next.issueX509Svid(ID, { expiresAt: NOW + 120_000 }), bundle: next.certificate },
    ]),
  );
  await until(() => states.length === 1);
  assert.deepEqual(states, ['valid']);
});

const refused: [string, string, () => OfferedSvid][] = [
  [
    'with the key of another',
    'ERR_SVID_KEY_MISMATCH',
    () => ({ ...offer(), svid: { ...offer().svid, keyDer: offer().svid.keyDer } }),
  ],
  ['under another ID', 'ERR_SVID_ID_MISMATCH', () => ({ ...offer(), svid: offer(OTHER_ID).svid })],
  ['that has expired', 'ERR_SVID_EXPIRED', () => offer(ID, NOW)],
  ['with a broken bundle', 'ERR_BUNDLE_MALFORMED', () => ({ ...offer(), bundle: Buffer.from('x') })],
];
for (const [name, code, make] of refused) {
  test(`an SVID ${name} is refused and nothing of it is used`, async () => {
    api.send('FetchX509SVID', x509Message([offer()]));
    await using source = await createSource();
    const before = source.getX509Svid();
    const bundle = source.getX509Bundle(ca.trustDomain);
    api.send('FetchX509SVID', x509Message([make()]));
    await until(() => errors.length === 1);
    assert.deepEqual(errors, [code]);
    assert.equal(source.getX509Svid(), before);
    assert.equal(source.getX509Bundle(ca.trustDomain), bundle);
    assert.equal(source.state(), 'valid');
  });
}

test('a denial withdraws the identity, and a later grant brings it back', async () => {
  api.send('FetchX509SVID', x509Message([offer()]));
  await using source = await createSource({ retry });
  const states: IdentityState[] = [];
  source.onChange((state) => {
    states.push(state);
  });
  api.refuse('FetchX509SVID', GRPC_STATUS.PERMISSION_DENIED);
  await until(() => states.length === 1);
  assert.equal(source.state(), 'withdrawn');
  assert.throws(() => source.getX509Svid(), { code: 'ERR_NO_IDENTITY' });
  assert.ok(source.getX509Bundle(ca.trustDomain));
  await untilWithRetries(() => errors.length >= 3);
  assert.deepEqual(states, ['withdrawn']);
  api.send('FetchX509SVID', x509Message([offer()]));
  await untilWithRetries(() => states.length === 2);
  assert.deepEqual(states, ['withdrawn', 'valid']);
  assert.equal(source.getX509Svid().id.toString(), ID);
});

test('an update without the identity withdraws it, and never takes another', async () => {
  api.send('FetchX509SVID', x509Message([offer()]));
  await using source = await createSource();
  api.send('FetchX509SVID', x509Message([offer(OTHER_ID)]));
  await until(() => source.state() === 'withdrawn');
  assert.throws(() => source.getX509Svid(), { code: 'ERR_NO_IDENTITY' });
});

test('an endpoint that is away does not take the identity with it', async () => {
  api.send('FetchX509SVID', x509Message([offer()]));
  await using source = await createSource({ retry });
  await api.pause();
  await untilWithRetries(() => errors.length >= 2);
  assert.ok(
    errors.every((code) => code === 'ERR_ENDPOINT_UNAVAILABLE'),
    errors.join(),
  );
  assert.equal(source.state(), 'valid');
  await api.resume();
  api.send('FetchX509SVID', x509Message([offer(ID, NOW + 120_000)]));
  await untilWithRetries(() => source.getX509Svid().expiresAt === NOW + 120_000);
});

test('the expiry is announced when it comes, and a renewal puts it off', async () => {
  api.send('FetchX509SVID', x509Message([offer(ID, NOW + 60_000)]));
  await using source = await createSource();
  const states: IdentityState[] = [];
  source.onChange((state) => {
    states.push(state);
  });
  clock.advance(50_000);
  api.send('FetchX509SVID', x509Message([offer(ID, NOW + 90_000)]));
  await until(() => states.length === 1);
  clock.advance(39_999);
  assert.deepEqual(states, ['valid']);
  assert.equal(source.state(), 'valid');
  clock.advance(1);
  assert.deepEqual(states, ['valid', 'expired']);
  assert.equal(source.state(), 'expired');
  assert.throws(() => source.getX509Svid(), { code: 'ERR_SVID_EXPIRED' });
});

test('A100 a clock that jumps over the expiry is noticed within 5 s', async () => {
  api.send('FetchX509SVID', x509Message([offer(ID, NOW + 3_600_000)]));
  await using source = await createSource();
  const states: IdentityState[] = [];
  source.onChange((state) => {
    states.push(state);
  });
  clock.jump(NOW + 86_400_000);
  assert.equal(source.state(), 'expired');
  assert.throws(() => source.getX509Svid(), { code: 'ERR_SVID_EXPIRED' });
  clock.advance(5_000);
  assert.deepEqual(states, ['expired']);
});

test('a listener that throws holds up neither the update nor the other listeners', async () => {
  api.send('FetchX509SVID', x509Message([offer()]));
  await using source = await createSource();
  const states: IdentityState[] = [];
  source.onChange(() => {
    throw new Error('my fault');
  });
  source.onChange((state) => {
    states.push(state);
  });
  api.send('FetchX509SVID', x509Message([offer(ID, NOW + 20_000)]));
  await until(() => states.length === 1);
  assert.equal(source.getX509Svid().expiresAt, NOW + 20_000);
  clock.advance(20_000);
  assert.deepEqual(states, ['valid', 'expired']);
  assert.deepEqual(errors, ['my fault', 'my fault']);
});

test('listeners can be taken away, and a closed source gives nothing', async () => {
  api.send('FetchX509SVID', x509Message([offer()]));
  const source = await createSource();
  let count = 0;
  const stop = source.onChange(() => {
    count += 1;
  });
  stop();
  api.send('FetchX509SVID', x509Message([offer(ID, NOW + 120_000)]));
  await until(() => source.getX509Svid().expiresAt === NOW + 120_000);
  assert.equal(count, 0);
  await source.close();
  for (const get of [
    () => source.getX509Svid(),
    () => source.getX509Bundle(ca.trustDomain),
    () => source.getX509Bundles(),
  ]) {
    assert.throws(get, { code: 'ERR_CLOSED' });
  }
  assert.equal(clock.pendingTimers, 0);
});
