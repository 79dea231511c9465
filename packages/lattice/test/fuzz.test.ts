import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { verifyAuditChain } from '../src/audit-chain.ts';
import { parseAuditRecord } from '../src/audit-record.ts';
import { createAuditLog } from '../src/audit.ts';
import {
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
} from '../src/control.ts';
import { LATTICE_ERRORS } from '../src/errors.ts';
import { parseEvent } from '../src/events.ts';
import { canonicalJson } from '../src/json.ts';
import type { JsonValue } from '../src/json.ts';
import { decodeNatsJwt, encodeNatsJwt, parseUnverifiedNatsJwt } from '../src/nats-jwt.ts';
import { createNkey, decodeSeed, parsePublicKey } from '../src/nkey.ts';
import { createXkey } from '../src/xkey.ts';
import { TestClock } from './support.ts';

const decoders: Readonly<Record<string, (text: string) => unknown>> = {
  parseScaleComponent,
  parseLink,
  parseLinkKey,
  parseStopHost,
  parseConfig,
  parseComponentSpec,
  parseEvent,
  parseAuditRecord,
  parseCtlResponse: (text) => parseCtlResponse(text, parseHostPing),
  parseHostInventory: (text) => parseHostInventory(JSON.parse(text)),
  parseLinks: (text) => parseLinks(JSON.parse(text)),
};

/** Objects whose keys are those of real messages, with values of any kind. */
const keys = [
  'success',
  'message',
  'response',
  'component_id',
  'count',
  'config',
  'source_id',
  'target',
  'interfaces',
  'labels',
  'components',
  'providers',
  'host_id',
  'id',
  'type',
  'data',
  'specversion',
  'url',
  'links',
  'schema',
  'seq',
  'decision',
  '__proto__',
  'constructor',
];
const messages = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 12 });

/** Runs and accepts a value or one of this package's errors, nothing else. */
function acceptsOrRefuses(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    const { code } = error as { code?: string };
    assert.equal(code !== undefined && Object.hasOwn(LATTICE_ERRORS, code), true, String(error));
  }
}

for (const [name, decode] of Object.entries(decoders)) {
  test(`${name} returns a value or refuses, whatever the JSON`, () => {
    fc.assert(
      fc.property(messages, (value) => acceptsOrRefuses(() => decode(JSON.stringify(value)))),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => acceptsOrRefuses(() => decode(text))),
      { numRuns: 100 },
    );
  });
}

test('no bytes make a decoder fail in another way', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      for (const decode of [parseScaleComponent, parseConfig, parseEvent, parseAuditRecord, parseStopHost]) {
        acceptsOrRefuses(() => decode(data));
      }
    }),
  );
});

test('what a decoder accepts survives being encoded and decoded again', () => {
  const text = fc.string({ minLength: 1, maxLength: 20 });
  const link = fc.record({
    source_id: text,
    target: text,
    name: text,
    wit_namespace: text,
    wit_package: text,
    interfaces: fc.array(text, { maxLength: 3 }),
    source_config: fc.array(text, { maxLength: 3 }),
    target_config: fc.array(text, { maxLength: 3 }),
  });
  fc.assert(fc.property(link, (value) => assert.deepEqual(parseLink(encodeMessage(value)), { ...value })));
  const config = fc.dictionary(fc.string(), fc.string());
  fc.assert(
    fc.property(config, (value) => assert.deepEqual({ ...parseConfig(encodeMessage(value)) }, { ...value })),
  );
});

test('canonical JSON is JSON of the same value, and one text for all orders of keys', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = canonicalJson(value as JsonValue);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalJson(JSON.parse(text) as JsonValue), text);
    }),
  );
  assert.equal(
    canonicalJson({ b: 1, a: [{ d: null, c: 'x' }] }),
    canonicalJson({ a: [{ c: 'x', d: null }], b: 1 }),
  );
});

test('any entry gives a chain that verifies, whatever its text', () => {
  const entry = fc.record({
    requestId: fc.string(),
    spiffeId: fc.option(fc.string({ minLength: 1 })),
    decision: fc.constantFrom('allow', 'deny'),
    rule: fc.option(fc.string({ minLength: 1 })),
    reason: fc.string({ unit: 'binary' }),
    details: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 })) as fc.Arbitrary<
      Record<string, JsonValue>
    >,
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
      const lines: string[] = [];
      const publish = (bytes: Uint8Array): void => void lines.push(Buffer.from(bytes).toString());
      const log = createAuditLog({ service: 'x', clock: new TestClock(), publish });
      for (const one of entries) log.write(one);
      assert.equal(verifyAuditChain(lines).length, entries.length);
      assert.equal(
        lines.some((line) => line.includes('\n')),
        false,
      );
    }),
  );
});

test('no text makes the key, seed, JWT and box readers fail in another way', () => {
  const key = createNkey('A');
  const xkey = createXkey();
  const good = encodeNatsJwt({ sub: 'x' }, key);
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), fc.nat(good.length), (text, at) => {
      acceptsOrRefuses(() => parsePublicKey(text));
      acceptsOrRefuses(() => decodeSeed(text));
      acceptsOrRefuses(() => decodeNatsJwt(text));
      acceptsOrRefuses(() => parseUnverifiedNatsJwt(text));
      acceptsOrRefuses(() => decodeNatsJwt(good.slice(0, at) + text + good.slice(at)));
      acceptsOrRefuses(() => xkey.open(Buffer.from(text), xkey.publicKey));
      acceptsOrRefuses(() => xkey.open(Buffer.from(`xkv1${text}`), text));
    }),
  );
});

test('a NATS JWT with anything put into it is refused or the very same', () => {
  const key = createNkey('A');
  const good = encodeNatsJwt({ sub: 'x' }, key);
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.constantFrom('A', 'B', '_', '-', '.', '=', ' ', '\n', 'é'),
      (at, character) => {
        const changed = good.slice(0, at) + character + good.slice(at + 1);
        if (changed !== good) assert.throws(() => decodeNatsJwt(changed));
      },
    ),
    { numRuns: 500 },
  );
});
