import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Host } from '@muster/host';
import { eventually, Fixture } from './fixture.ts';

let it: Fixture;
let second: Host;

before(async () => {
  it = await Fixture.start();
  second = await it.startHost({ name: 'b', auditFile: `${it.folder}/host-b-audit.jsonl` });
});

after(async () => {
  await second.stop();
  await it.stop();
});

test('both hosts answer a ping, under ids of their own', async () => {
  const ids = (await it.control.ping({ expected: 2 })).map(({ id }) => id);
  assert.deepEqual(new Set(ids), new Set([it.host.id, second.id]));
});

test('links put at the same time through whichever host answers are all kept (CAS)', async () => {
  const links = Array.from({ length: 24 }, (_, at) => ({
    source_id: 'source',
    target: `target${at}`,
    name: `name${at}`,
    wit_namespace: 'wasi',
    wit_package: 'keyvalue',
    interfaces: ['store'],
    source_config: [],
    target_config: [],
  }));
  await Promise.all(links.map((link) => it.control.putLink(link)));
  // A host answers link.get from memory, which follows the bucket a moment later.
  await eventually('all links are known', async () => {
    const known = await it.control.getLinks();
    return known.filter((link) => link.source_id === 'source').length === 24;
  });
});

test('a config written through one host is known to the other at once', async () => {
  for (let at = 0; at < 20; at += 1) {
    await it.control.putConfig(`config${at}`, { at: String(at) });
    assert.deepEqual({ ...(await it.control.getConfig(`config${at}`)) }, { at: String(at) });
  }
});

test('a host that stops leaves the other one to answer', async () => {
  await second.stop();
  assert.equal((await it.control.ping({ expected: 1 })).length, 1);
  await it.control.putConfig('after', { a: '1' });
  const stopped = it.events.filter(({ name }) => name === 'host_stopped').map(({ source }) => source);
  assert.deepEqual(stopped, [second.id]);
});
