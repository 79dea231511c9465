import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hostRig } from './support/host.ts';

interface GoldenEvent {
  readonly id: string;
  readonly subject: string;
  readonly event: string;
}

const golden = JSON.parse(
  readFileSync(new URL('./vectors/events.json', import.meta.url), 'utf8'),
) as GoldenEvent[];

/** Keys and types; maps whose keys are data are only told to be maps, lists by the set of what is in them. */
function shapeOf(value: unknown, key = ''): unknown {
  if (key === 'labels' || key === 'annotations') {
    return 'map';
  }
  if (Array.isArray(value)) {
    return key === 'providers'
      ? 'list'
      : Array.from(new Set(value.map((item) => JSON.stringify(shapeOf(item, key)))));
  }
  if (typeof value === 'object' && value !== null) {
    // Signed components have a name, ours never do.
    const entries = Object.entries(value).filter(([name]) => key !== 'components' || name !== 'name');
    return Object.fromEntries(
      entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, shapeOf(item, name)]),
    );
  }
  return value === null ? 'null' : typeof value;
}

function lines(name: string): GoldenEvent[] {
  return golden.filter(({ subject }) => subject.endsWith(`.${name}`));
}

test('every event has the envelope, keys and types of the real host', async () => {
  await using rig = await hostRig();
  const link = {
    source_id: 'caller',
    target: 'callee',
    name: 'default',
    wit_namespace: 'golden',
    wit_package: 'demo',
    interfaces: ['api'],
  };
  await rig.control('config.put.greeting', { lang: 'en' });
  await rig.control('config.del.greeting');
  await rig.scale({ component_ref: await rig.component('echo'), component_id: 'echo', count: 1 });
  await rig.scale({ component_ref: 'file:///nowhere.wasm', component_id: 'ghost', count: 1 });
  await rig.control('link.put', link);
  await rig.control('link.put', { ...link, target: 'echo' });
  await rig.control('link.del', { ...link, wit_package: 'nosuch' });
  await rig.control('link.del', link);
  await rig.clock.advance(30_000);
  const stopping = rig.host.stop();
  await rig.clock.advance(10_000);
  await stopping;

  for (const name of [
    'host_started',
    'config_set',
    'config_deleted',
    'component_scaled',
    'component_scale_failed',
    'linkdef_set',
    'linkdef_set_failed',
    'linkdef_deleted',
    'host_heartbeat',
    'host_stopped',
  ]) {
    const shapes = new Set(lines(name).map(({ event }) => JSON.stringify(shapeOf(JSON.parse(event)))));
    const ours = rig.nats.published.filter(({ subject }) => subject === `wasmbus.evt.golden.${name}`);
    assert.notEqual(ours.length, 0, name);
    assert.notEqual(shapes.size, 0, name);
    for (const { data, by } of ours) {
      const shape = JSON.stringify(shapeOf(JSON.parse(new TextDecoder().decode(data))));
      assert.ok(shapes.has(shape), `${name}: ${shape} is none of ${[...shapes].join(' ')}`);
      assert.equal(by, 'ctl');
    }
  }
});

test('source is the host, and the type names the event', async () => {
  await using rig = await hostRig();
  for (const event of rig.events()) {
    assert.equal(event.source, rig.host.id);
    assert.equal(event.type, `com.wasmcloud.lattice.${event.name}`);
  }
  assert.deepEqual(rig.events('host_started')[0]?.data, {
    friendly_name: 'a',
    labels: {
      'hostcore.arch': process.arch === 'x64' ? 'x86_64' : 'aarch64',
      'hostcore.os': 'linux',
      'hostcore.osfamily': 'unix',
      zone: 'a',
    },
    uptime_seconds: 0,
    version: '0.1.0',
  });
});
