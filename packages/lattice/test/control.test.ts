import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  accepted,
  encodeMessage,
  parseComponentSpec,
  parseConfig,
  parseCtlResponse,
  parseHostInventory,
  parseHostPing,
  parseLink,
  parseLinkKey,
  parseLinks,
  parseScaleComponent,
  parseStopHost,
  refused,
} from '../src/control.ts';
import type { HostPing, ScaleComponent } from '../src/control.ts';
import { formatUptime } from '../src/inventory.ts';
import type { HostInventory } from '../src/inventory.ts';
import { isFreeMap, shapeOf } from './shape.ts';
import { bytes, throwsCode } from './support.ts';

interface Captured {
  readonly id: string;
  readonly payload: string;
}

function load(file: string): (id: string) => string {
  const { messages } = JSON.parse(readFileSync(new URL(`vectors/${file}`, import.meta.url), 'utf8')) as {
    messages: Captured[];
  };
  return (id) => messages.find((message) => message.id === id)?.payload ?? assert.fail(`no vector ${id}`);
}

const control = load('control.json');
const stored = load('kv.json');

/** What comes out of a decoder and is encoded again must have the keys, types and values of the capture. */
function assertSame(encoded: object, captured: string): void {
  assert.deepEqual(JSON.parse(Buffer.from(encodeMessage(encoded)).toString()), JSON.parse(captured));
}

test('host.ping of a real host decodes, and ours has the same keys and types', () => {
  const captured = control('ctl.host-ping.reply.1');
  const answer = parseCtlResponse(captured, parseHostPing);
  assertSame(answer, captured);
  const ours: HostPing = {
    id: 'N',
    friendly_name: 'a',
    labels: { zone: 'a' },
    lattice: 'default',
    uptime_seconds: 1,
    uptime_human: formatUptime(1),
    version: '0.1.0',
    ctl_host: 'tls://127.0.0.1:4222',
    rpc_host: 'tls://127.0.0.1:4222',
  };
  assert.equal(shapeOf(accepted('', ours), isFreeMap), shapeOf(JSON.parse(captured), isFreeMap));
});

test('host.get of a real host decodes, and ours has the same keys and types', () => {
  for (const id of ['ctl.host-get.reply.1', 'ctl.inventory2.reply.1']) {
    assertSame(parseCtlResponse(control(id), parseHostInventory), control(id));
  }
  const ours: HostInventory = {
    components: [
      { id: 'a', image_ref: 'file:///a.wasm', annotations: {}, revision: 0, max_instances: 1, limits: null },
    ],
    providers: [],
    host_id: 'N',
    friendly_name: 'a',
    labels: {},
    version: '0.1.0',
    uptime_human: '1s',
    uptime_seconds: 1,
  };
  assert.equal(
    shapeOf(accepted('', ours), isFreeMap),
    shapeOf(JSON.parse(control('ctl.inventory2.reply.1')), isFreeMap),
  );
});

test('component.scale of a real client decodes, and ours has the same keys and types', () => {
  for (const id of ['ctl.start-callee.request.1', 'ctl.start-caller.request.1']) {
    assertSame(parseScaleComponent(control(id)), control(id));
  }
  const ours: ScaleComponent = {
    component_ref: 'r',
    component_id: 'i',
    count: 1,
    host_id: 'N',
    config: ['x'],
    allow_update: false,
  };
  assert.equal(shapeOf(ours), shapeOf(JSON.parse(control('ctl.start-caller.request.1'))));
  assertSame(accepted(''), control('ctl.start-callee.reply.1'));
});

test('max_instances is ignored, so that the component is stopped, as real hosts do', () => {
  assert.equal(parseScaleComponent(control('ctl.raw.scale-max-instances.request.1')).count, 0);
});

test('optional parts of component.scale', () => {
  const full = parseScaleComponent(
    '{"component_id":"a","annotations":{"k":"v"},"component_limits":{"max_memory_limit":"1"},"unknown":1}',
  );
  assert.deepEqual({ ...full.annotations }, { k: 'v' });
  assert.deepEqual({ ...full.component_limits }, { max_memory_limit: '1' });
  assert.equal('unknown' in full, false);
  assert.equal(parseScaleComponent('{"component_id":"a","annotations":null}').annotations, undefined);
  assert.equal(parseScaleComponent('{"component_id":"a","count":4294967295}').count, 4_294_967_295);
});

test('links of a real client and host decode, and ours have the same keys and types', () => {
  assertSame(parseLink(control('ctl.link-put.request.1')), control('ctl.link-put.request.1'));
  assertSame(parseLinkKey(control('ctl.link-del.request.1')), control('ctl.link-del.request.1'));
  assertSame(parseCtlResponse(control('ctl.link-get.reply.1'), parseLinks), control('ctl.link-get.reply.1'));
  assertSame(accepted('successfully set link'), control('ctl.link-put.reply.1'));
  assertSame(accepted('successfully deleted link'), control('ctl.link-del.reply.1'));
  const conflict = parseCtlResponse(control('ctl.link-conflict.reply.1'));
  assertSame(refused(conflict.message), control('ctl.link-conflict.reply.1'));
});

test('defaults of links', () => {
  const link = parseLink(
    '{"source_id":"a","target":"b","wit_namespace":"wasi","wit_package":"http","interfaces":["incoming-handler"]}',
  );
  assert.deepEqual([link.name, link.source_config, link.target_config], ['default', [], []]);
  assert.equal(parseLinkKey('{"source_id":"a","wit_namespace":"w","wit_package":"p"}').name, 'default');
});

test('configs of a real client and host decode', () => {
  assertSame(parseConfig(control('ctl.config-put.request.1')), control('ctl.config-put.request.1'));
  assertSame(parseConfig(control('ctl.raw.config-put-space.request.1')), '{"a":"1","b":"2"}');
  const answer = parseCtlResponse(control('ctl.config-get.reply.1'), (value) => value as object);
  assertSame(answer, control('ctl.config-get.reply.1'));
  assert.equal(
    parseCtlResponse(control('ctl.config-get-missing.reply.1'), parseHostPing).response,
    undefined,
  );
  assertSame(accepted('Configuration not found'), control('ctl.config-get-missing.reply.1'));
  assertSame(accepted('successfully put config'), control('ctl.config-put.reply.1'));
  assertSame(accepted('successfully deleted config'), control('ctl.config-del.reply.1'));
});

test('host.stop of a real client decodes', () => {
  assertSame(parseStopHost(control('prov2.host-stop.request.2')), control('prov2.host-stop.request.2'));
  assertSame(
    parseStopHost(control('ctl.raw.host-stop-wronghost.request.1')),
    control('ctl.raw.host-stop-wronghost.request.1'),
  );
  assert.deepEqual(parseStopHost(''), { host_id: '' });
  assertSame(accepted('successfully handled stop host'), control('prov2.host-stop.reply.2'));
});

test('stored component specs of a real host decode', () => {
  for (const id of ['kv.ctl.start-callee.put.2', 'kv.ctl.link-put.put.1', 'kv.ctl.link-put-orphan.put.1']) {
    assertSame(parseComponentSpec(stored(id)), stored(id));
  }
});

test('bodies that a real host refuses are refused', () => {
  throwsCode('ERR_MESSAGE_MALFORMED', () =>
    parseScaleComponent(control('ctl.raw.emptyobj.component.scale.request.1')),
  );
  throwsCode('ERR_MESSAGE_MALFORMED', () =>
    parseScaleComponent(control('ctl.raw.malformed.component.scale.request.1')),
  );
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseLink(control('ctl.raw.emptyobj.link.put.request.1')));
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseLinkKey(control('ctl.raw.emptyobj.link.del.request.1')));
  throwsCode('ERR_MESSAGE_MALFORMED', () =>
    parseConfig(control('ctl.raw.malformed.config.put.bad.request.1')),
  );
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseStopHost(control('ctl.raw.malformed.host.stop.request.1')));
});

test('wrong types, ranges and encodings are refused, and the text never stands in the message', () => {
  const bad = [
    '{"component_id":1}',
    '{"component_id":""}',
    '{"component_id":"a","count":-1}',
    '{"component_id":"a","count":1.5}',
    '{"component_id":"a","count":4294967296}',
    '{"component_id":"a","config":["x",1]}',
    '{"component_id":"a","annotations":{"k":1}}',
    '[]',
    'null',
    '"geheim"',
    '{"geheim',
    '',
  ];
  for (const text of bad) {
    const error = throwsCode('ERR_MESSAGE_MALFORMED', () => parseScaleComponent(text));
    assert.equal(error.message.includes('geheim') || error.cause !== undefined, false);
  }
  throwsCode('ERR_MESSAGE_MALFORMED', () =>
    parseConfig(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x22, 0x22, 0x7d)),
  );
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseCtlResponse('{"success":false,"error":"x"}'));
});

test('no key reaches Object.prototype', () => {
  const config = parseConfig(bytes('{"__proto__":"x","constructor":"y"}'));
  assert.equal(Object.getPrototypeOf(config), null);
  assert.equal(config['__proto__'], 'x');
  assert.equal(config['toString'], undefined);
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseLink('{"__proto__":{"source_id":"a"},"target":"b"}'));
});

test('uptime reads as on a real host', () => {
  assert.deepEqual([0, 4, 60, 356, 1_058, 3_720, 90_061].map(formatUptime), [
    '0s',
    '4s',
    '1m',
    '5m 56s',
    '17m 38s',
    '1h 2m',
    '1d 1h 1m 1s',
  ]);
});
