import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { verifyAuditChain } from '@muster/lattice';
import { eventually, Fixture } from './fixture.ts';

let it: Fixture;
let wat: Uint8Array;
let port = 0;

before(async () => {
  it = await Fixture.start();
  wat = await it.helloWat();
  port = await freePort();
});

after(() => it.stop());

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

const status = async (): Promise<number> => {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
};

const link = {
  source_id: 'http-server',
  target: 'hello',
  name: 'default',
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['incoming-handler'],
  source_config: ['front'],
  target_config: [],
};

test('a host is there with both connections and tells about itself', async () => {
  assert.equal(
    it.events.some(({ name, source }) => name === 'host_started' && source === it.host.id),
    true,
  );
  const [ping] = await it.control.ping({ expected: 1 });
  assert.equal(ping?.id, it.host.id);
  const inventory = await it.control.getHost(it.host.id);
  assert.deepEqual(
    inventory.providers.map(({ id }) => id),
    ['http-server'],
  );
});

test('link, config and component put over NATS answer over HTTP', async () => {
  await it.control.putConfig('front', { address: `127.0.0.1:${port}` });
  await it.control.putLink(link);
  const event = await it.scale('hello', it.artifact('hello.wasm', wat));
  assert.equal(event.name, 'component_scaled', JSON.stringify(event.data));
  await eventually('the first answer', async () => (await status()) === 200);
  assert.deepEqual(await it.control.getLinks(), [link]);
});

test('killed and restarted, nats-server has the host back with its state', async () => {
  await it.killServer();
  assert.equal(await status(), 200);
  await it.startServer();
  await eventually(
    'the host answers',
    async () => (await it.control.ping({ expected: 1 }).catch(() => [])).length === 1,
    30_000,
  );
  assert.deepEqual({ ...(await it.control.getConfig('front')) }, { address: `127.0.0.1:${port}` });
  await it.control.putConfig('later', { a: '1' });
  assert.deepEqual({ ...(await it.control.getConfig('later')) }, { a: '1' });
});

test('a withdrawn identity stops serving, and one that comes back serves again', async () => {
  const entry = it.authority.entries.list().find(({ spiffe_id: id }) => id.endsWith('/host/a'));
  assert.ok(entry);
  it.authority.entries.delete(entry.id);
  await eventually('503', async () => (await status()) === 503);
  assert.equal(it.host.isServing(), false);
  await eventually(
    'no host answers',
    async () => (await it.control.ping({ expected: 1 }).catch(() => [])).length === 0,
  );
  const { id: _id, ...again } = entry;
  it.authority.entries.create(again);
  await eventually('200', async () => (await status()) === 200, 30_000);
  await eventually(
    'the host answers',
    async () => (await it.control.ping({ expected: 1 }).catch(() => [])).length === 1,
    30_000,
  );
});

test('refused starts name their code, and the audit log is whole', async () => {
  const codes: [string, string][] = [];
  for (const [id, reference] of [
    ['outside', 'file:///etc/hostname'],
    ['garbage', it.artifact('garbage.wasm', new Uint8Array([1, 2, 3]))],
    ['core', it.artifact('core.wasm', new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))],
  ] as const) {
    const event = await it.scale(id, reference);
    codes.push([id, /^\w+/.exec(JSON.stringify(event.data['error']).slice(1))?.[0] ?? '']);
  }
  assert.deepEqual(codes, [
    ['outside', 'ERR_ARTIFACT_NOT_ALLOWED'],
    ['garbage', 'ERR_COMPONENT_MALFORMED'],
    ['core', 'ERR_COMPONENT_MALFORMED'],
  ]);
  const records = verifyAuditChain(
    readFileSync(join(it.folder, 'host-audit.jsonl'), 'utf8').split('\n').slice(0, -1),
  );
  assert.deepEqual(
    records.map(({ reason }) => reason),
    codes.map(([, code]) => code),
  );
});

test('host.stop closes everything', async () => {
  await it.control.stopHost(it.host.id);
  await it.host.stopped;
  await eventually('host_stopped', () => it.events.some(({ name }) => name === 'host_stopped'));
  assert.equal(await status(), 0);
});
