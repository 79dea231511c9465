import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectRetryOptions } from '@muster/lattice';
import { createSession } from '../../src/session/session.ts';
import { manualClock, settle } from '../support/clock.ts';
import { recordingLogger } from '../support/logger.ts';
import { fakeNats } from '../support/nats.ts';
import type { FakeConnection } from '../support/nats.ts';

function rig(retry: ConnectRetryOptions = { initialDelayMs: 100, maxDelayMs: 1_000, jitter: 0 }) {
  const clock = manualClock();
  const nats = fakeNats();
  const steps: string[] = [];
  const open: FakeConnection[] = [];
  const listeners = new Set<() => void>();
  const faults: {
    isValid: boolean;
    connect: Error | undefined;
    hold: Promise<void> | undefined;
    up: Error | undefined;
  } = { isValid: true, connect: undefined, hold: undefined, up: undefined };
  const session = createSession({
    identity: {
      isValid: () => faults.isValid,
      onChange: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    async connect(name, { isFirst, signal }) {
      steps.push(`${name}${isFirst ? ' first' : ''}`);
      await faults.hold;
      signal.throwIfAborted();
      if (faults.connect !== undefined) {
        throw faults.connect;
      }
      const connection = nats.connect(name);
      open.push(connection);
      return connection;
    },
    async onUp() {
      steps.push('up');
      if (faults.up !== undefined) {
        throw faults.up;
      }
    },
    onReconnected: () => steps.push('reconnected'),
    onDown: () => steps.push('down'),
    retry,
    clock,
    logger: recordingLogger(),
  });
  return Object.assign(faults, {
    clock,
    steps,
    open,
    listeners,
    session,
    setValid(value: boolean) {
      faults.isValid = value;
      for (const listener of listeners) {
        listener();
      }
    },
  });
}

const live = (open: readonly FakeConnection[]): string[] =>
  open.filter((connection) => connection.isConnected()).map(({ name }) => name);

test('ctl comes before rpc, and both before up', async () => {
  const it = rig();
  await it.session.start();
  assert.deepEqual(it.steps, ['ctl first', 'rpc first', 'up']);
  assert.equal(it.session.isUp(), true);
  await it.session.stop();
});

test('without an identity nothing connects; with it everything does by itself', async () => {
  const it = rig();
  it.isValid = false;
  const started = it.session.start();
  await it.clock.advance(60_000);
  assert.deepEqual(it.steps, []);
  it.setValid(true);
  await started;
  assert.deepEqual(it.steps, ['ctl first', 'rpc first', 'up']);
  await it.session.stop();
});

test('a lost identity closes both connections at once, and they come back with it (I1, I2)', async () => {
  const it = rig();
  await it.session.start();
  it.setValid(false);
  await settle();
  assert.deepEqual(live(it.open), []);
  assert.equal(it.session.isUp(), false);
  await it.clock.advance(60_000);
  assert.deepEqual(it.steps, ['ctl first', 'rpc first', 'up', 'down']);
  it.setValid(true);
  await settle();
  assert.deepEqual(live(it.open), ['ctl', 'rpc']);
  assert.deepEqual(it.steps.slice(4), ['ctl', 'rpc', 'up']);
  await it.session.stop();
});

test('an identity lost while connecting leaves no connection behind', async () => {
  const it = rig();
  const gate = Promise.withResolvers<void>();
  it.hold = gate.promise;
  const started = it.session.start();
  await settle();
  it.setValid(false);
  gate.resolve();
  await it.clock.advance(10_000);
  assert.deepEqual(live(it.open), []);
  it.setValid(true);
  await it.clock.advance(1_000);
  await started;
  assert.deepEqual(live(it.open), ['ctl', 'rpc']);
  await it.session.stop();
});

test('one connection that ends takes the other with it, and both are opened again', async () => {
  const it = rig();
  await it.session.start();
  await it.open[1]?.close();
  await it.clock.advance(1_000);
  assert.deepEqual(live(it.open), ['ctl', 'rpc']);
  assert.equal(it.open.length, 4);
  await it.session.stop();
});

test('failures are tried again with growing pauses, for ever by default', async () => {
  const it = rig();
  it.connect = new Error('unreachable');
  const started = it.session.start();
  const at: number[] = [];
  const begin = it.clock.now();
  for (let seen = 0; seen < 7;) {
    await it.clock.advance(50);
    const attempts = it.steps.filter((step) => step === 'ctl first').length;
    if (attempts > seen) {
      seen = attempts;
      at.push(it.clock.now() - begin);
    }
  }
  const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  assert.deepEqual(pauses, [50, 200, 400, 800, 1_000, 1_000]);
  it.connect = undefined;
  await it.clock.advance(1_000);
  await started;
  await it.session.stop();
});

test('a bound on attempts fails the start and only the start', async () => {
  const it = rig({ initialDelayMs: 100, jitter: 0, attempts: 2 });
  it.connect = new Error('unreachable');
  const started = assert.rejects(it.session.start(), { code: 'ERR_HOST_CONNECT_FAILED' });
  await it.clock.advance(1_000);
  await started;
  assert.equal(it.steps.filter((step) => step === 'ctl first').length, 2);
  await it.session.stop();

  const other = rig({ initialDelayMs: 100, maxDelayMs: 100, jitter: 0, attempts: 2 });
  await other.session.start();
  other.connect = new Error('unreachable');
  await other.open[0]?.close();
  await other.clock.advance(2_000);
  other.connect = undefined;
  await other.clock.advance(200);
  assert.deepEqual(live(other.open), ['ctl', 'rpc']);
  await other.session.stop();
});

test('an up that fails closes both connections and tries again', async () => {
  const it = rig();
  it.up = new Error('no state');
  const started = it.session.start();
  await settle();
  assert.deepEqual(live(it.open), []);
  it.up = undefined;
  await it.clock.advance(100);
  await started;
  assert.deepEqual(live(it.open), ['ctl', 'rpc']);
  await it.session.stop();
});

test('a control connection that came back by itself is told', async () => {
  const it = rig();
  await it.session.start();
  it.open[0]?.emit({ type: 'reconnected', server: 's', attempts: 1 });
  it.open[1]?.emit({ type: 'reconnected', server: 's', attempts: 1 });
  assert.deepEqual(it.steps.slice(3), ['reconnected']);
  await it.session.stop();
});

test('stop ends everything, also while waiting or connecting, and leaves no listener', async () => {
  for (const prepare of ['waiting', 'connecting', 'pausing', 'up'] as const) {
    const it = rig();
    it.isValid = prepare !== 'waiting';
    const gate = Promise.withResolvers<void>();
    it.hold = prepare === 'connecting' ? gate.promise : undefined;
    it.connect = prepare === 'pausing' ? new Error('unreachable') : undefined;
    const started = it.session.start().catch(() => {});
    await settle();
    const stopped = it.session.stop();
    gate.resolve();
    await stopped;
    await started;
    assert.deepEqual(live(it.open), [], prepare);
    assert.equal(it.listeners.size, 0, prepare);
  }
});
