import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createEvent, eventNames, parseEvent } from '../src/events.ts';
import type { LatticeEventData, LatticeEventName } from '../src/events.ts';
import { parseInventory } from '../src/inventory.ts';
import { eventSubject } from '../src/subjects.ts';
import { isFreeMap, shapeOf } from './shape.ts';
import { TestClock, throwsCode } from './support.ts';

const { messages } = JSON.parse(readFileSync(new URL('vectors/events.json', import.meta.url), 'utf8')) as {
  messages: { id: string; subject: string; payload: string }[];
};
const HOST = 'NDVG4H7N3RSINJ7MN7PMSWX7RW7PKETAND3ZJX275O72RUHHWEFW7PM3';

const link = {
  source_id: 'http-server',
  target: 'hello',
  name: 'default',
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['incoming-handler'],
  source_config: ['address'],
  target_config: [],
};
const scaled = {
  annotations: {},
  component_id: 'hello',
  host_id: HOST,
  image_ref: 'file:///hello.wasm',
  max_instances: 1,
};

/** One of each, as the host publishes them. */
const ours: LatticeEventData = {
  host_started: { friendly_name: 'a', labels: { zone: 'a' }, uptime_seconds: 0, version: '0.1.0' },
  host_stopped: { labels: {} },
  host_heartbeat: {
    components: [
      { id: 'hello', image_ref: 'r', annotations: {}, revision: 0, max_instances: 1, limits: null },
    ],
    providers: [],
    host_id: HOST,
    friendly_name: 'a',
    labels: {},
    version: '0.1.0',
    uptime_human: '30s',
    uptime_seconds: 30,
  },
  component_scaled: scaled,
  component_scale_failed: { ...scaled, error: 'no such file' },
  linkdef_set: link,
  linkdef_set_failed: { ...link, error: 'conflict' },
  linkdef_deleted: {
    source_id: 'a',
    name: 'default',
    wit_namespace: 'w',
    wit_package: 'p',
    target: 'b',
    interfaces: ['i'],
  },
  config_set: { config_name: 'address' },
  config_deleted: { config_name: 'address' },
};

/** Lists that happen to be empty on one side say nothing about their items. */
function comparable(value: unknown): string {
  return shapeOf(value, isFreeMap).replaceAll(
    /(source_config|target_config|providers|components):\[[^\]]*\]/g,
    '$1:list',
  );
}

for (const name of eventNames) {
  test(`${name} of a real host decodes, and ours has the same keys and types`, () => {
    const real = messages.filter(
      (message) => message.subject === `wasmbus.evt.golden.${name}` && !/claims/.test(message.payload),
    );
    assert.notEqual(real.length, 0);
    for (const { payload, subject } of real) {
      const event = parseEvent(payload);
      const { name: parsedName, ...envelope } = event;
      assert.equal(parsedName, name);
      assert.equal(eventSubject('golden', name), subject);
      assert.deepEqual(envelope, JSON.parse(payload));
      assert.equal(
        comparable(JSON.parse(Buffer.from(make(name)).toString())),
        comparable(JSON.parse(payload)),
      );
    }
  });
}

function make(name: LatticeEventName): Uint8Array {
  return createEvent(name, HOST, ours[name] as never, new TestClock());
}

test('the envelope is CloudEvents 1.0 with the time of the clock and an id of its own', () => {
  const [first, second] = [make('config_set'), make('config_set')].map((bytes) => parseEvent(bytes));
  assert.equal(first?.time, '2026-01-02T03:04:05.678Z');
  assert.equal(first?.source, HOST);
  assert.equal(first?.type, 'com.wasmcloud.lattice.config_set');
  assert.notEqual(first?.id, second?.id);
});

test('events that are not ours decode as well', () => {
  const names = messages.map((message) => parseEvent(message.payload).name);
  assert.equal(names.includes('provider_started') && names.includes('labels_changed'), true);
});

test('a heartbeat carries an inventory that decodes', () => {
  const heartbeats = messages
    .map((message) => parseEvent(message.payload))
    .filter((event) => event.name === 'host_heartbeat');
  assert.deepEqual(
    heartbeats.map((event) => parseInventory(event.data).host_id),
    heartbeats.map((event) => event.source),
  );
});

test('envelopes that are not CloudEvents 1.0 in JSON are refused', () => {
  const good = JSON.parse(Buffer.from(make('config_set')).toString()) as Record<string, unknown>;
  for (const [key, value] of Object.entries({
    specversion: '0.3',
    type: 1,
    source: null,
    id: undefined,
    data: 'x',
    datacontenttype: 'text/plain',
    time: 0,
  })) {
    throwsCode('ERR_MESSAGE_MALFORMED', () => parseEvent(JSON.stringify({ ...good, [key]: value })));
  }
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseEvent('not json'));
});
