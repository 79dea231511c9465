import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { eventually, Fixture } from './fixture.ts';

const SVID_LIFE_MS = 10_000;

let it: Fixture;
let port = 0;

before(async () => {
  it = await Fixture.start({ authority: { x509SvidTtlMs: SVID_LIFE_MS, jwtSvidTtlMs: SVID_LIFE_MS } });
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ({ port } = server.address() as AddressInfo);
  // Taken on purpose: the host has to come to the address later.
  await it.control.putConfig('front', { address: `127.0.0.1:${port}` });
  await it.control.putLink({
    source_id: 'http-server',
    target: 'hello',
    name: 'default',
    wit_namespace: 'wasi',
    wit_package: 'http',
    interfaces: ['incoming-handler'],
    source_config: ['front'],
    target_config: [],
  });
  const event = await it.scale('hello', it.artifact('hello.wasm', await it.helloWat()));
  assert.equal(event.name, 'component_scaled', JSON.stringify(event.data));
  await eventually('the taken address is reported', () =>
    it.logs.some(({ message }) => message === 'http link unusable'),
  );
  await new Promise((resolve) => server.close(resolve));
  await eventually('the free address is used', async () => (await status()) === 200);
});

after(() => it.stop());

async function status(): Promise<number> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    const text = await answer.text();
    return answer.status === 200 && text === '' ? -1 : answer.status;
  } catch {
    return 0;
  }
}

const isReachable = async (): Promise<boolean> =>
  (await it.control.ping({ expected: 1 }).catch(() => [])).length === 1;

test('SVIDs of 10 s are renewed under load without one wrong answer', async () => {
  const counts = new Map<number, number>();
  const until = Date.now() + 2.5 * SVID_LIFE_MS;
  const worker = async (): Promise<void> => {
    while (Date.now() < until) {
      const code = await status();
      counts.set(code, (counts.get(code) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  assert.deepEqual([...counts.keys()], [200]);
  assert.equal(await isReachable(), true);
});

test('an SVID that is not renewed ends serving and both connections within 5 s of its end (I1), and all comes back', async () => {
  await it.authority.pause();
  const pausedAt = Date.now();
  await eventually('503', async () => (await status()) === 503, SVID_LIFE_MS + 5_000);
  assert.ok(Date.now() - pausedAt <= SVID_LIFE_MS + 5_000);
  await eventually('the host is gone', async () => !(await isReachable()), 5_000);
  await it.authority.resume();
  await eventually('200', async () => (await status()) === 200, 40_000);
  await eventually('the host is back', isReachable, 40_000);
});

test('a callout that is restarted does not disturb the host, and a reconnect after it works', async () => {
  await it.callout.stop();
  await it.startCallout();
  assert.equal(await isReachable(), true);
  await it.killServer();
  await it.startServer();
  await eventually('the host is back', isReachable, 40_000);
  assert.equal(await status(), 200);
});
