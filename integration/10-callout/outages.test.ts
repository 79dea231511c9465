import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { attempt, connectAs, eventually, freshTimes } from './clients.ts';
import { AUDIENCE, AUTH_TIMEOUT_MS, Fixture, HOST_ID } from './fixture.ts';

type FixtureOptions = Parameters<typeof Fixture.start>[0];

async function startFixture(context: TestContext, options?: FixtureOptions): Promise<Fixture> {
  const fixture = await Fixture.start(options);
  context.after(() => fixture.stop());
  return fixture;
}

const good = (fixture: Fixture): { token: string } => ({
  token: fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes()),
});

test('nobody is let in while the callout is down, and who is in stays', async (context) => {
  const fixture = await startFixture(context);
  const connection = await connectAs(fixture);
  await fixture.stopCallout('SIGKILL');
  const result = await attempt(fixture, good(fixture));
  assert.equal(result.isIn, false);
  assert.equal(result.tookMs >= AUTH_TIMEOUT_MS - 200, true);
  await connection.nats.flush();
  assert.equal(connection.isConnected(), true);
  await fixture.startCallout();
  assert.equal((await attempt(fixture, good(fixture))).isIn, true);
  await connection.close();
});

test('nobody is let in while the callout hangs, and late answers let nobody in afterwards', async (context) => {
  const fixture = await startFixture(context);
  fixture.signalCallout('SIGSTOP');
  assert.equal((await attempt(fixture, good(fixture))).isIn, false);
  fixture.signalCallout('SIGCONT');
  // It steps aside because it lagged, and comes back by itself.
  const connection = await connectAs(fixture, HOST_ID, { retry: { initialDelayMs: 50, maxDelayMs: 200 } });
  await connection.close();
  assert.equal(fixture.audit().at(-1)?.decision, 'allow');
});

test('nobody is let in before the callout has bundles; then it starts by itself', async (context) => {
  const fixture = await startFixture(context, { hasBundles: false, hasCallout: false });
  await fixture.startCallout({ isAwaited: false });
  assert.equal((await attempt(fixture, good(fixture))).isIn, false);
  fixture.sendBundles();
  const connection = await connectAs(fixture, HOST_ID, { retry: { initialDelayMs: 50, maxDelayMs: 200 } });
  await connection.close();
});

test('with the Workload API away the last bundles are used, and new ones when it is back', async (context) => {
  const fixture = await startFixture(context);
  await fixture.workloadApi.pause();
  assert.equal((await attempt(fixture, good(fixture))).isIn, true);
  fixture.sendBundles('{"keys":[]}');
  await fixture.workloadApi.resume();
  const isRefused = async (): Promise<boolean> => !(await attempt(fixture, good(fixture))).isIn;
  const until = Date.now() + 15_000;
  while (!(await isRefused())) assert.equal(Date.now() < until, true, 'the new bundles were not taken up');
  assert.match(fixture.audit().at(-1)?.reason ?? '', /^ERR_(JWT_KEY_NOT_FOUND|BUNDLE_EMPTY)/);
});

test('a killed nats-server that comes back finds the callout at once and the client by itself, subscriptions included', async (context) => {
  const fixture = await startFixture(context);
  const connection = await connectAs(fixture, HOST_ID, { name: 'rpc' });
  const seen: string[] = [];
  connection.nats.subscribe('default.hello.wrpc.test', {
    callback: (_error, message) => void seen.push(message.string()),
  });
  await connection.nats.flush();
  await fixture.killServer();
  await eventually('the client notices', () => !connection.isConnected());
  await fixture.startServer();
  await eventually('the client is back', () => connection.isConnected());
  connection.nats.publish('default.hello.wrpc.test', 'after');
  await eventually('the subscription works', () => seen.includes('after'));
  await connection.close();
});

test('a killed callout that is started again keeps its audit chain', async (context) => {
  const fixture = await startFixture(context);
  assert.equal((await attempt(fixture, good(fixture))).isIn, true);
  await fixture.stopCallout('SIGKILL');
  await fixture.startCallout();
  assert.equal((await attempt(fixture, good(fixture))).isIn, true);
  assert.deepEqual(
    fixture.audit().map((record) => record.seq),
    [1, 2],
  );
});

test('SIGTERM ends the callout with code 0', async (context) => {
  const fixture = await startFixture(context);
  assert.equal(await fixture.stopCallout(), 0);
});
