import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyNkey } from '@muster/lattice';
import { settle } from './support/clock.ts';
import { hostRig } from './support/host.ts';

test('the identity comes first, then ctl, then rpc, then one host_started', async () => {
  await using rig = await hostRig();
  assert.deepEqual(rig.steps, ['identity', 'connect ctl first', 'connect rpc first']);
  assert.equal(rig.events('host_started').length, 1);
  assert.equal(rig.host.spiffeId, 'spiffe://muster.internal/lattice/golden/host/a');
  assert.equal(rig.host.isServing(), true);
});

test('the host id is an nkey that is new at each start', async () => {
  await using one = await hostRig();
  await using two = await hostRig();
  assert.match(one.host.id, /^N[A-Z2-7]{55}$/);
  assert.notEqual(one.host.id, two.host.id);
  assert.equal(verifyNkey(one.host.id, new Uint8Array(1), new Uint8Array(64)), false);
});

test('heartbeats come every interval, the first one interval after the start', async () => {
  await using rig = await hostRig();
  await rig.clock.advance(29_999);
  assert.equal(rig.events('host_heartbeat').length, 0);
  await rig.clock.advance(1);
  assert.equal(rig.events('host_heartbeat').length, 1);
  await rig.clock.advance(60_000);
  assert.equal(rig.events('host_heartbeat').length, 3);
  assert.deepEqual(
    rig.events('host_heartbeat').map(({ data }) => [data['uptime_seconds'], data['uptime_human']]),
    [
      [30, '30s'],
      [60, '1m'],
      [90, '1m 30s'],
    ],
  );
});

test('without an identity the host does not serve, is not connected, and comes back by itself', async () => {
  await using rig = await hostRig();
  await rig.control('config.put.before', { a: '1' });
  await rig.setIdentity(false);
  assert.equal(rig.host.isServing(), false);
  assert.equal(
    rig.connections.every((connection) => !connection.isConnected()),
    true,
  );
  assert.equal(rig.nats.subscriptions.size, 0);
  await rig.clock.advance(60_000);
  assert.equal(rig.connections.length, 2);

  await rig.buckets.get('CONFIGDATA_golden')?.put('meanwhile', new TextEncoder().encode('{"b":"2"}'));
  await rig.setIdentity(true);
  assert.equal(rig.host.isServing(), true);
  assert.deepEqual(rig.steps.slice(3), ['connect ctl', 'connect rpc']);
  assert.deepEqual((await rig.control('config.get.meanwhile')).response, { b: '2' });
  assert.equal(rig.events('host_started').length, 1);
  assert.equal(rig.events('host_heartbeat').length, 1);
});

test('components and listeners live on while the host is away', async () => {
  await using rig = await hostRig();
  await rig.control('config.put.front', { address: '127.0.0.1:8000' });
  await rig.control('link.put', {
    source_id: 'http-server',
    target: 'web',
    wit_namespace: 'wasi',
    wit_package: 'http',
    interfaces: ['incoming-handler'],
    source_config: ['front'],
  });
  await rig.scale({ component_ref: await rig.component('web'), component_id: 'web', count: 1 });
  await rig.setIdentity(false);
  assert.equal(rig.servers[0]?.isStopped, false);
  assert.equal(rig.servers[0]?.deps.isServing(), false);
  await rig.setIdentity(true);
  assert.equal(rig.servers.length, 1);
  assert.equal(rig.servers[0]?.deps.isServing(), true);
  assert.equal(rig.pools.length, 1);
});

test('state is read again after the control connection came back', async () => {
  await using rig = await hostRig();
  const bucket = rig.buckets.get('CONFIGDATA_golden');
  assert.ok(bucket);
  rig.connections[0]?.emit({ type: 'disconnected' });
  bucket.breakWatches();
  await bucket.put('missed', new TextEncoder().encode('{"a":"1"}'));
  rig.connections[0]?.emit({ type: 'reconnected', server: 's', attempts: 1 });
  await settle();
  await bucket.put('later', new TextEncoder().encode('{"b":"2"}'));
  await settle();
  assert.deepEqual((await rig.control('config.get.missed')).response, { a: '1' });
  assert.deepEqual((await rig.control('config.get.later')).response, { b: '2' });
});

test('audit records made while the host is away are published when it is back', async () => {
  await using rig = await hostRig();
  const reference = 'file:///nowhere.wasm';
  const failing = rig.control(`component.scale.${rig.host.id}`, {
    component_ref: reference,
    component_id: 'x',
    count: 1,
  });
  await failing;
  for (let turn = 0; turn < 200 && rig.audits().length === 0; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const [first] = rig.audits();
  assert.deepEqual([first?.['service'], first?.['seq'], first?.['decision']], ['host', 1, 'deny']);
});

test('host.stop answers first, then publishes host_stopped and closes everything', async () => {
  await using rig = await hostRig();
  await rig.scale({ component_ref: await rig.component('echo'), component_id: 'echo', count: 1 });
  const reply = await rig.control(`host.stop.${rig.host.id}`, { host_id: rig.host.id });
  assert.deepEqual(reply, { success: true, message: 'successfully handled stop host' });
  await rig.clock.advance(1_000);
  await rig.host.stopped;
  assert.equal(rig.host.isServing(), false);
  assert.equal(rig.events().at(-1)?.name, 'host_stopped');
  assert.equal(rig.pools[0]?.isStopped, true);
  assert.equal(
    rig.connections.every((connection) => !connection.isConnected()),
    true,
  );
  assert.deepEqual(rig.steps.slice(-2), ['delegate closed', 'identity closed']);
});

test('stop may be called twice and while the host has no identity', async () => {
  const rig = await hostRig();
  await rig.setIdentity(false);
  await Promise.all([rig.host.stop(), rig.host.stop()]);
  await rig.host.stopped;
  await rig[Symbol.asyncDispose]();
});

test('a start that cannot connect cleans up after itself', async () => {
  let steps: string[] = [];
  await assert.rejects(
    hostRig({ retry: { attempts: 1, jitter: 0 } }, (rig) => {
      rig.setReachable(false);
      ({ steps } = rig);
    }),
    { code: 'ERR_HOST_CONNECT_FAILED' },
  );
  assert.deepEqual(steps, ['identity', 'connect ctl first', 'delegate closed', 'identity closed']);
});

test('a start that waits for the lattice ends when it is aborted, and cleans up after itself', async () => {
  const controller = new AbortController();
  let steps: string[] = [];
  const starting = hostRig(
    {},
    (rig) => {
      rig.setReachable(false);
      ({ steps } = rig);
    },
    controller.signal,
  );
  const refused = assert.rejects(starting, { name: 'AbortError' });
  for (let turn = 0; turn < 1_000 && !steps.includes('connect ctl first'); turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  controller.abort();
  await refused;
  assert.deepEqual(steps, ['identity', 'connect ctl first', 'delegate closed', 'identity closed']);
});

test('a host that has started is not stopped by the signal of its start', async () => {
  const controller = new AbortController();
  await using rig = await hostRig({}, () => {}, controller.signal);
  controller.abort();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rig.host.isServing(), true);
});
