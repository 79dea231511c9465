import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hostRig } from '../support/host.ts';

test('what no operation fits is answered "unsupported subject"', async () => {
  await using rig = await hostRig();
  const id = rig.host.id;
  for (const subject of [
    `host.nosuch.${id}`,
    `component.update.${id}`,
    `provider.start.${id}`,
    `label.put.${id}`,
    'link.nosuch',
    'config.list.x',
    'config.get',
    'config.put.a.b',
    'config.put.a.b.c',
  ]) {
    assert.deepEqual(
      await rig.control(subject, {}),
      { success: false, message: 'unsupported subject' },
      subject,
    );
  }
});

test('a message for another host is not answered', async () => {
  await using rig = await hostRig();
  assert.deepEqual(await rig.nats.request('wasmbus.ctl.v1.golden.host.get.NOTHER'), []);
  assert.deepEqual(await rig.nats.request('wasmbus.ctl.v1.other.host.ping'), []);
});

test('two hosts share the queue groups of links, configs and claims, and both answer a ping', async () => {
  await using rig = await hostRig();
  const groups = [...rig.nats.subscriptions].map(
    ({ pattern, queue }) => `${pattern.split('.').slice(4, 6).join('.')} ${queue}`,
  );
  assert.ok(groups.includes('link.* wasmbus.ctl.v1.golden.link'));
  assert.ok(groups.includes('config.> wasmbus.ctl.v1.golden.config'));
  assert.ok(groups.includes('host.ping undefined'));
});

const hostile = ['a.b', '', '*', '>', 'a b', 'a/b', 'a\nb', 'ä', '../x', 'a'.repeat(129)];

for (const id of hostile) {
  test(`${JSON.stringify(id.slice(0, 10))} is no id of a component, source or target (A25)`, async () => {
    await using rig = await hostRig();
    const link = { source_id: 'a', target: 'b', wit_namespace: 'w', wit_package: 'p', interfaces: ['i'] };
    const replies = [
      await rig.control(`component.scale.${rig.host.id}`, { component_id: id, count: 1 }),
      await rig.control('link.put', { ...link, source_id: id }),
      await rig.control('link.put', { ...link, target: id }),
      await rig.control('link.put', { ...link, name: id }),
      await rig.control('link.del', { ...link, source_id: id }),
    ];
    assert.deepEqual(
      replies.map(({ success }) => success),
      [false, false, false, false, false],
    );
    assert.equal(rig.buckets.get('LATTICEDATA_golden')?.writes.length, 0);
    assert.deepEqual(rig.events('component_scaled'), []);
  });
}

test('config names that are no bucket keys are refused', async () => {
  await using rig = await hostRig();
  for (const name of ['ä', 'a$b', 'a*b', 'x'.repeat(257)]) {
    const reply = await rig.control(`config.put.${name}`, { a: 'b' });
    assert.equal(reply.success, false, name);
    assert.match(reply.message, /ERR_CONTROL_ID_INVALID/);
  }
  assert.equal(rig.buckets.get('CONFIGDATA_golden')?.writes.length, 0);
});

test('whatever the body, there is one well-formed reply', async () => {
  await using rig = await hostRig();
  const subjects = [
    `component.scale.${rig.host.id}`,
    'link.put',
    'link.del',
    'config.put.x',
    'component.auction',
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...subjects),
      fc.oneof(fc.string(), fc.json()),
      async (subject, body) => {
        const replies = await rig.nats.request(`wasmbus.ctl.v1.golden.${subject}`, body);
        assert.equal(replies.length, 1);
        const reply = JSON.parse(replies[0] ?? '') as { success: unknown; message: unknown };
        assert.equal(typeof reply.success, 'boolean');
        assert.equal(typeof reply.message, 'string');
      },
    ),
    { numRuns: 60 },
  );
});

test('a failure that is not ours is answered without its text', async () => {
  await using rig = await hostRig();
  const bucket = rig.buckets.get('LATTICEDATA_golden');
  assert.ok(bucket);
  bucket.beforeSet = () => Promise.reject(new Error('password=hunter2'));
  const reply = await rig.control('link.put', {
    source_id: 'a',
    target: 'b',
    wit_namespace: 'w',
    wit_package: 'p',
    interfaces: ['i'],
  });
  assert.deepEqual(reply, { success: false, message: 'internal error' });
  assert.equal(rig.events('linkdef_set_failed')[0]?.data['error'], 'failed to store link');
});

test('what nats-server republishes from a stream is neither done nor answered', async () => {
  await using rig = await hostRig();
  const subject = `wasmbus.ctl.v1.golden.host.stop.${rig.host.id}`;
  const subscription = [...rig.nats.subscriptions].find(({ pattern }) => pattern.includes('.host.*.'));
  assert.ok(subscription);
  let replies = 0;
  const message = (headers: Map<string, string>) => ({
    subject,
    data: new Uint8Array(),
    headers,
    respond: () => {
      replies += 1;
      return true;
    },
  });
  subscription.callback(null, message(new Map([['Nats-Stream', 'KV_CONFIGDATA_golden']])));
  await rig.clock.advance(1_000);
  assert.deepEqual([replies, rig.host.isServing()], [0, true]);
  subscription.callback(null, message(new Map()));
  await rig.clock.advance(1_000);
  assert.deepEqual([replies, rig.host.isServing()], [1, false]);
});
