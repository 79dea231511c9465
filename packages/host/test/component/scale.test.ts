import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import type { LatticeEvent } from '@muster/lattice';
import { hostRig } from '../support/host.ts';

function errorOf(event: LatticeEvent): string {
  return JSON.stringify(event.data['error'] ?? '')
    .slice(1, -1)
    .replaceAll('\\"', '"');
}

test('a start is accepted at once and told by one event with the words of the command', async () => {
  await using rig = await hostRig();
  const reference = await rig.component('echo');
  const event = await rig.scale({
    component_ref: reference,
    component_id: 'echo',
    count: 5,
    annotations: { b: '2', a: '1' },
  });
  assert.equal(event.name, 'component_scaled');
  assert.deepEqual(event.data, {
    annotations: { b: '2', a: '1' },
    component_id: 'echo',
    host_id: rig.host.id,
    image_ref: reference,
    max_instances: 5,
  });
  assert.equal(rig.events('component_scaled').length, 1);
  assert.equal(rig.pools[0]?.options.limits?.instances, 5);
  assert.equal(rig.buckets.get('LATTICEDATA_golden')?.entries.has('COMPONENT_echo'), true);
});

test('count 0 stops, also what does not run', async () => {
  await using rig = await hostRig();
  await rig.scale({ component_ref: await rig.component('echo'), component_id: 'echo', count: 1 });
  const event = await rig.scale({ component_ref: '', component_id: 'echo', count: 0 });
  assert.equal(event.data['max_instances'], 0);
  await rig.clock.advance(100);
  assert.equal(rig.pools[0]?.isStopped, true);
  const again = await rig.scale({ component_ref: 'file:///x', component_id: 'echo', count: 0 });
  assert.deepEqual([again.name, again.data['image_ref']], ['component_scaled', 'file:///x']);
});

test('the same command again changes nothing', async () => {
  await using rig = await hostRig();
  const command = { component_ref: await rig.component('echo'), component_id: 'echo', count: 1 };
  await rig.scale(command);
  await rig.scale(command);
  assert.equal(rig.pools.length, 1);
});

test('another count starts new workers before the old ones drain', async () => {
  await using rig = await hostRig();
  const command = { component_ref: await rig.component('echo'), component_id: 'echo' };
  await rig.scale({ ...command, count: 1 });
  const old = rig.pools[0];
  assert.ok(old);
  old.inFlight = 1;
  await rig.scale({ ...command, count: 2 });
  assert.equal(rig.pools.length, 2);
  await rig.clock.advance(1_000);
  assert.equal(old.isStopped, false);
  old.inFlight = 0;
  await rig.clock.advance(100);
  assert.equal(old.isStopped, true);
});

test('without allow_update another reference, or another file behind the same one, never replaces the code', async () => {
  await using rig = await hostRig();
  const [first, second] = [await rig.component('one'), await rig.component('two')];
  await rig.scale({ component_ref: first, component_id: 'c', count: 1 });
  await writeFile(fileURLToPath(first), 'changed');
  const event = await rig.scale({
    component_ref: second,
    component_id: 'c',
    count: 2,
    annotations: { x: 'y' },
  });
  assert.deepEqual([event.data['image_ref'], event.data['annotations']], [first, {}]);
  assert.deepEqual(
    rig.pools.map(({ options }) => new TextDecoder().decode(options.bytes)),
    ['one', 'one'],
  );
  const { response } = await rig.control(`host.get.${rig.host.id}`);
  assert.equal((response as { components: { image_ref: string }[] }).components[0]?.image_ref, first);
});

test('with allow_update the new code serves, and takes reference and annotations of the command', async () => {
  await using rig = await hostRig();
  const [first, second] = [await rig.component('one'), await rig.component('two')];
  await rig.scale({ component_ref: first, component_id: 'c', count: 1, annotations: { x: '1' } });
  const event = await rig.scale({
    component_ref: second,
    component_id: 'c',
    count: 1,
    allow_update: true,
    annotations: { x: '2' },
  });
  assert.deepEqual([event.data['image_ref'], event.data['annotations']], [second, { x: '2' }]);
  assert.equal(new TextDecoder().decode(rig.pools[1]?.options.bytes), 'two');
  await rig.clock.advance(100);
  assert.deepEqual(
    rig.pools.map(({ isStopped }) => isStopped),
    [true, false],
  );
  const spec = rig.buckets.get('LATTICEDATA_golden')?.entries.get('COMPONENT_c');
  assert.equal((JSON.parse(new TextDecoder().decode(spec?.value)) as { url: string }).url, second);
});

test('an update that fails leaves the old code serving', async () => {
  await using rig = await hostRig();
  await rig.scale({ component_ref: await rig.component('one'), component_id: 'c', count: 1 });
  const event = await rig.scale({
    component_ref: 'file:///none',
    component_id: 'c',
    count: 1,
    allow_update: true,
  });
  assert.equal(event.name, 'component_scale_failed');
  assert.equal(rig.pools[0]?.isStopped, false);
});

test('configs are merged at the start and follow later changes', async () => {
  await using rig = await hostRig();
  await rig.control('config.put.one', { a: '1', b: '1' });
  await rig.control('config.put.two', { b: '2' });
  const command = { component_ref: await rig.component('echo'), component_id: 'echo', count: 1 };
  await rig.scale({ ...command, config: ['one', 'two'] });
  assert.deepEqual({ ...rig.pools[0]?.config }, { a: '1', b: '2' });
  await rig.control('config.put.two', { b: '3' });
  assert.deepEqual({ ...rig.pools[0]?.config }, { a: '1', b: '3' });
  await rig.control('config.del.one');
  assert.deepEqual({ ...rig.pools[0]?.config }, { b: '3' });
  await rig.scale({ ...command, config: ['two'] });
  assert.equal(rig.pools.length, 1);
});

for (const [name, command, error] of [
  [
    'a missing config',
    { config: ['nosuch'] },
    /ERR_COMPONENT_CONFIG_NOT_FOUND: .*Config nosuch does not exist/,
  ],
  ['a secret', { config: ['SECRET_x'] }, /ERR_COMPONENT_SECRET_UNSUPPORTED/],
  ['a bad limit', { component_limits: { max_memory_limit: 'x' } }, /ERR_COMPONENT_LIMIT_INVALID/],
  ['an unknown scheme', { component_ref: 'ghcr.io/a/b:1' }, /ERR_ARTIFACT_SCHEME/],
  ['a file outside', { component_ref: 'file:///etc/hostname' }, /ERR_ARTIFACT_NOT_ALLOWED/],
] as const) {
  test(`${name} fails with its code, an event and one audit record`, async () => {
    await using rig = await hostRig();
    const event = await rig.scale({
      component_ref: await rig.component('x'),
      component_id: 'x',
      count: 1,
      ...command,
    });
    assert.equal(event.name, 'component_scale_failed');
    assert.match(errorOf(event), error);
    const audits = rig.audits();
    assert.equal(audits.length, 1);
    assert.deepEqual([audits[0]?.['decision'], audits[0]?.['rule']], ['deny', 'component-scale']);
    assert.equal(rig.pools.length, 0);
  });
}

const IDENTITY = 'wasmcloud:identity/store';

/** The entry an operator would write for a component of this rig. */
function entryFor(digest: string): { selectors: string[]; id: string } {
  return {
    selectors: [
      `wasm:component-digest:${digest}`,
      'wasm:component-id:web',
      'wasm:app:shop',
      'wasm:lattice:golden',
      'wasm:host-id:spiffe://muster.internal/lattice/golden/host/a',
    ],
    id: 'spiffe://muster.internal/lattice/golden/app/shop/component/web',
  };
}

// SHA-256 of the file that rig.component('web', [IDENTITY]) writes.
const DIGEST = 'sha256:499ba39637116f9d8c8fd978fe668f16b7d63fce353817fc60e6635e4dc07b9d';
const web = { component_id: 'web', count: 1, annotations: { 'wasmcloud.dev/appspec': 'shop' } };

test('the identity is granted where an entry names digest, id, application, lattice and host', async () => {
  await using rig = await hostRig();
  rig.entries.push(entryFor(DIGEST));
  const event = await rig.scale({ ...web, component_ref: await rig.component('web', [IDENTITY]) });
  assert.equal(event.name, 'component_scaled', errorOf(event));
  const options = rig.pools[0]?.options;
  assert.deepEqual([...(options?.grants.interfaces ?? [])], [IDENTITY]);
  const jwt = await options?.identity?.getJwt('spiffe://muster.internal/bank', new AbortController().signal);
  assert.match(jwt?.token ?? '', /secret-token-for-spiffe:\/\/muster.internal\/bank/);
  assert.deepEqual(
    rig.audits().map(({ decision, spiffeId }) => [decision, spiffeId]),
    [
      ['allow', entryFor(DIGEST).id],
      ['allow', entryFor(DIGEST).id],
    ],
  );
  assert.doesNotMatch(JSON.stringify([rig.logs, rig.audits(), rig.events()]), /secret-token/);
});

for (const [name, change, imports] of [
  ['other bytes', {}, [IDENTITY, 'wasi:io/poll']],
  ['another id (A26)', { component_id: 'web2' }, [IDENTITY]],
  ['another application', { annotations: { 'wasmcloud.dev/appspec': 'bank' } }, [IDENTITY]],
  ['no application', { annotations: {} }, [IDENTITY]],
] as const) {
  test(`${name} than the entry names gets no identity, by the name of the interface`, async () => {
    await using rig = await hostRig();
    rig.entries.push(entryFor(DIGEST));
    const event = await rig.scale({ ...web, component_ref: await rig.component('web', imports), ...change });
    assert.equal(event.name, 'component_scale_failed');
    assert.match(errorOf(event), /^ERR_IMPORT_NOT_GRANTED: .*"wasmcloud:identity\/store"/);
    assert.equal(rig.pools.length, 0);
  });
}

test('without the import nobody is asked and nothing is granted', async () => {
  await using rig = await hostRig();
  rig.setAuthority('down');
  const event = await rig.scale({ ...web, component_ref: await rig.component('web') });
  assert.equal(event.name, 'component_scaled');
  assert.deepEqual([...(rig.pools[0]?.options.grants.interfaces ?? [])], []);
  assert.equal(rig.pools[0]?.options.identity, undefined);
});

test('an authority that is down is told apart from a refusal, and a later try succeeds', async () => {
  await using rig = await hostRig();
  rig.entries.push(entryFor(DIGEST));
  rig.setAuthority('down');
  const reference = await rig.component('web', [IDENTITY]);
  const failed = await rig.scale({ ...web, component_ref: reference });
  assert.match(errorOf(failed), /^ERR_IDENTITY_UNAVAILABLE/);
  rig.setAuthority('up');
  assert.equal((await rig.scale({ ...web, component_ref: reference })).name, 'component_scaled');
});

test('a host without a Delegated Identity API grants none', async () => {
  await using rig = await hostRig({ delegatedApi: undefined } as never);
  const event = await rig.scale({ ...web, component_ref: await rig.component('web', [IDENTITY]) });
  assert.match(errorOf(event), /^ERR_IMPORT_NOT_GRANTED/);
});

test('a stopped component has no identity any more', async () => {
  await using rig = await hostRig();
  rig.entries.push(entryFor(DIGEST));
  await rig.scale({ ...web, component_ref: await rig.component('web', [IDENTITY]) });
  await rig.scale({ ...web, count: 0 });
  await rig.clock.advance(100);
  const jwt = rig.pools[0]?.options.identity?.getJwt('a', new AbortController().signal);
  assert.equal(await jwt, undefined);
});

test('commands for one id run in the order they came', async () => {
  await using rig = await hostRig();
  const reference = await rig.component('echo');
  const all = [1, 2, 0, 3].map((count) =>
    rig.control(`component.scale.${rig.host.id}`, { component_ref: reference, component_id: 'echo', count }),
  );
  await Promise.all(all);
  await rig.scale({ component_ref: reference, component_id: 'other', count: 1 });
  for (let turn = 0; turn < 200 && rig.events('component_scaled').length < 5; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(
    rig
      .events('component_scaled')
      .filter(({ data }) => data['component_id'] === 'echo')
      .map(({ data }) => data['max_instances']),
    [1, 2, 0, 3],
  );
});
