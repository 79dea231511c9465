import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callHttp, hostRig } from '../support/host.ts';
import type { HostRig } from '../support/host.ts';

const link = {
  source_id: 'http-server',
  target: 'web',
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['incoming-handler'],
  source_config: ['front'],
};

const start = async (rig: HostRig, id = 'web') =>
  rig.scale({ component_ref: await rig.component(id), component_id: id, count: 1 });
const open = (rig: HostRig): string[] =>
  rig.servers.filter(({ isStopped }) => !isStopped).map(({ config }) => config.address);
const front = (rig: HostRig, address: string) => rig.control('config.put.front', { address });

test('a link put before the start opens its listener when the component runs', async () => {
  await using rig = await hostRig();
  await front(rig, '127.0.0.1:8000');
  await rig.control('link.put', link);
  assert.deepEqual(open(rig), []);
  await start(rig);
  assert.deepEqual(open(rig), ['127.0.0.1:8000']);
  assert.ok(rig.servers[0]);
  assert.deepEqual(await callHttp(rig.servers[0]), { status: 200, text: 'web' });
});

test('a link put after the start opens it too, and links of an earlier host are honoured', async () => {
  await using rig = await hostRig({}, async ({ buckets }) => {
    const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    await buckets.get('CONFIGDATA_golden')?.put('front', bytes({ address: '127.0.0.1:8000' }));
    const stored = { ...link, name: 'default', target_config: [] };
    await buckets
      .get('LATTICEDATA_golden')
      ?.put('COMPONENT_http-server', bytes({ url: '', links: [stored] }));
  });
  await start(rig);
  await start(rig, 'api');
  await rig.control('config.put.second', { address: '127.0.0.1:8001' });
  await rig.control('link.put', { ...link, target: 'api', name: 'api', source_config: ['second'] });
  await rig.clock.advance(0);
  assert.deepEqual(open(rig), ['127.0.0.1:8000', '127.0.0.1:8001']);
});

test('a changed address moves the listener; removing link, config or component closes it', async () => {
  await using rig = await hostRig();
  await front(rig, '127.0.0.1:8000');
  await rig.control('link.put', link);
  await start(rig);
  await front(rig, '127.0.0.1:8001');
  assert.deepEqual(open(rig), ['127.0.0.1:8001']);
  await rig.control('link.del', link);
  assert.deepEqual(open(rig), []);
  await rig.control('link.put', link);
  await rig.control('config.del.front');
  assert.deepEqual(open(rig), []);
  await front(rig, '127.0.0.1:8002');
  assert.deepEqual(open(rig), ['127.0.0.1:8002']);
  await rig.scale({ component_id: 'web', count: 0 });
  assert.deepEqual(open(rig), []);
});

test('an update of the component keeps the listener and answers from the new code', async () => {
  await using rig = await hostRig();
  await front(rig, '127.0.0.1:8000');
  await rig.control('link.put', link);
  await start(rig);
  await rig.scale({
    component_ref: await rig.component('new'),
    component_id: 'web',
    count: 1,
    allow_update: true,
  });
  assert.equal(rig.servers.length, 1);
  const pool = rig.pools[1];
  assert.ok(pool && rig.servers[0]);
  pool.handleHttp = async () => ({ status: 201, headers: [], body: new TextEncoder().encode('new code') });
  assert.deepEqual(await callHttp(rig.servers[0]), { status: 201, text: 'new code' });
});

test('an address in use is logged and audited once and tried again at the next change', async () => {
  await using rig = await hostRig();
  rig.taken.add('127.0.0.1:8000');
  await front(rig, '127.0.0.1:8000');
  await rig.control('link.put', link);
  await start(rig);
  await rig.control('config.put.unrelated', {});
  const audits = rig.audits().filter(({ rule }) => rule === 'http-link');
  assert.deepEqual(
    audits.map(({ reason }) => reason),
    ['ERR_HTTP_ADDRESS_IN_USE'],
  );
  assert.equal(rig.logs.filter(({ message }) => message === 'http link unusable').length, 1);
  rig.taken.clear();
  await rig.clock.advance(30_000);
  assert.deepEqual(open(rig), ['127.0.0.1:8000']);
});

test('a host with many changes at once opens each listener once', async () => {
  await using rig = await hostRig();
  await start(rig);
  await Promise.all([
    front(rig, '127.0.0.1:8000'),
    rig.control('link.put', { ...link, source_config: [] }),
    rig.control('link.put', link),
    front(rig, '127.0.0.1:8000'),
  ]);
  await rig.control('link.put', link);
  assert.deepEqual(open(rig), ['127.0.0.1:8000']);
  assert.equal(rig.servers.length, 1);
});

test('a component that left between two changes is told apart from one that fails', async () => {
  await using rig = await hostRig();
  await front(rig, '127.0.0.1:8000');
  await rig.control('link.put', link);
  await start(rig);
  assert.ok(rig.servers[0]);
  await rig.scale({ component_id: 'web', count: 0 });
  await assert.rejects(callHttp(rig.servers[0]), { code: 'ERR_COMPONENT_NOT_RUNNING' });
});
