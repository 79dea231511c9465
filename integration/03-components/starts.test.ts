import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { verifyAuditChain } from '@muster/lattice';
import { parseSpiffeBundle, TrustDomain, verifyJwtSvid } from '@muster/spiffe';
import { Fixture } from '../20-host/fixture.ts';
import { ask } from '../support/http.ts';
import { describeLoad, startLoad } from '../support/load.ts';
import type { Load } from '../support/load.ts';
import { deploy } from './deployment.ts';
import type { Deployed } from './deployment.ts';
import { buildGuest, parse, rebuild } from './guests/build.ts';
import { buildHostileNames, buildWithExport, buildWithImport } from './guests/hostile-names.ts';

let it: Fixture;
let load: Load | undefined;
/** The only start that takes long; the other tests run beside it. */
let spinning: Promise<Deployed>;

before(async () => {
  it = await Fixture.start();
  const { port, outcome } = await deploy(it, 'good', await buildGuest('good'));
  assert.equal(outcome, 'component_scaled');
  load = startLoad({ port, isRight: ({ status, body }) => status === 200 && body === 'good' });
  spinning = deploy(it, 'spin-at-start', await buildGuest('spin-at-start'), { timeoutMs: 60_000 });
  spinning.catch(() => {});
});

after(async () => {
  await load?.stop();
  await it.stop();
});

/** Puts the bytes on the host under a new id and says how the start ended. */
let count = 0;
function start(bytes: Uint8Array): Promise<Deployed> {
  count += 1;
  return deploy(it, `start-${count}`, bytes);
}

test('an interface that was not granted is refused by its name', async () => {
  const keyvalue = await start(await buildGuest('keyvalue'));
  assert.equal(keyvalue.outcome, 'ERR_IMPORT_NOT_GRANTED');
  assert.match(keyvalue.text, /"wasi:keyvalue\/store@0\.2\.0-draft"/);
  const identity = await start(await buildGuest('identity'));
  assert.equal(identity.outcome, 'ERR_IMPORT_NOT_GRANTED');
  assert.match(identity.text, /"wasmcloud:identity\/store"/);
});

test('a component that handles no HTTP is refused', async () => {
  assert.equal((await start(await buildGuest('no-handler'))).outcome, 'ERR_EXPORT_MISSING');
});

test('more memory than a host gives is refused', async () => {
  const bytes = await rebuild(await buildGuest('good'), (text) =>
    text.replace('(memory (;0;) 8)', '(memory (;0;) 5000)'),
  );
  assert.equal((await start(bytes)).outcome, 'ERR_COMPONENT_LIMIT');
});

test('bytes that are no component are refused, each by a code of the runtime', async (context) => {
  const good = await buildGuest('good');
  const liar = good.slice();
  // The length of the first section: more than there is.
  liar.set([0xff, 0xff, 0xff, 0xff, 0x0f], 9);
  const inputs: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ['empty', new Uint8Array()],
    ['text', Buffer.from('hello, world')],
    ['random', randomBytes(4_096)],
    ['zeros', new Uint8Array(4_096)],
    ['magic alone', good.slice(0, 4)],
    ['core module', await parse('(module)')],
    ['version 2', Buffer.concat([good.slice(0, 4), Buffer.from([2, 0, 1, 0]), good.slice(8)])],
    ['length that lies', liar],
    ['appended', Buffer.concat([good, Buffer.from([0x55, 0xaa])])],
    ...[9, 100, good.length >> 1, good.length - 100].map(
      (length) => [`cut at ${length}`, good.slice(0, length)] as const,
    ),
  ];
  const outcomes = new Map<string, string>();
  for (const [name, bytes] of inputs) outcomes.set(name, (await start(bytes)).outcome);
  context.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
  for (const [name, outcome] of outcomes) {
    assert.match(outcome, /^ERR_(COMPONENT_(MALFORMED|INVALID|UNSUPPORTED)|EXPORT_MISSING)$/, name);
  }
  assert.equal(outcomes.get('core module'), 'ERR_COMPONENT_MALFORMED');
});

test('flipped bits end in a start or in a code of the runtime', async (context) => {
  const good = await buildGuest('good');
  const counts: Record<string, number> = {};
  for (let at = 0; at < 12; at += 1) {
    const bytes = good.slice();
    const place = (8 + ((good.length - 8) * at) / 12) | 0;
    bytes[place] = (bytes[place] ?? 0) ^ (1 << (at % 8));
    const { outcome } = await start(bytes);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    assert.match(outcome, /^(component_scaled|ERR_(COMPONENT|TRAP|IMPORT|EXPORT|LINK|VALUE)_[A-Z_]+)$/);
  }
  context.diagnostic(JSON.stringify(counts));
});

test('hostile names inside a component are names and nothing else', async () => {
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  const { outcome, port, text } = await deploy(it, 'names', await buildHostileNames());
  assert.equal(outcome, 'component_scaled', text);
  const answer = await ask(port);
  assert.deepEqual([answer.status, answer.body], [200, 'good']);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, before);
});

const names = [
  '__proto__',
  'a\nb',
  '"',
  "');process.exit(7);//",
  '',
  'Then',
  'wasi:http/incoming-handler@0.2.12\n',
  'wasi:http/incoming-handler@__proto__',
  '__proto__:constructor/then',
];

for (const name of names) {
  test(`no import or export can be called ${JSON.stringify(name)}`, async () => {
    for (const build of [buildWithImport, buildWithExport]) {
      const { outcome, text } = await start(await build(name));
      assert.equal(outcome, 'ERR_COMPONENT_MALFORMED');
      assert.ok(text.includes(JSON.stringify(name)), text);
      // oxlint-disable-next-line no-control-regex -- one line, whatever the name
      assert.doesNotMatch(text, /[\u0000-\u001f]/);
    }
  });
}

test('names that are words of JavaScript are refused as any other', async () => {
  for (const word of ['constructor', 'then', 'to-string', 'prototype']) {
    const unknown = await start(await buildWithImport(word));
    assert.equal(unknown.outcome, 'ERR_IMPORT_NOT_GRANTED');
    assert.match(unknown.text, new RegExp(`"${word}"`));
    assert.equal((await start(await buildWithExport(word))).outcome, 'ERR_EXPORT_MISSING');
  }
});

test('each component gets the identity of its own entry', async () => {
  const bytes = await buildGuest('identity');
  const bundles = parseSpiffeBundle(TrustDomain.parse('muster.internal'), it.authority.bundle());
  for (const id of ['first', 'second']) {
    it.authority.entries.create(it.componentEntry(id, 'shop', bytes));
    const { port, outcome } = await deploy(it, id, bytes, { app: 'shop' });
    assert.equal(outcome, 'component_scaled');
    const svid = verifyJwtSvid((await ask(port)).body, { bundles, audience: 'test' });
    assert.equal(svid.id.toString(), `spiffe://muster.internal/lattice/default/app/shop/component/${id}`);
  }
});

test('an entry serves no other id, application or bytes', async () => {
  const bytes = await buildGuest('identity');
  for (const id of ['third', 'fourth', 'fifth']) {
    it.authority.entries.create(it.componentEntry(id, 'shop', bytes));
  }
  const custom = Buffer.from([0, 2, 1, 0x78]);
  const refused = [
    await deploy(it, 'sixth', bytes, { app: 'shop' }),
    await deploy(it, 'third', bytes, { app: 'bank' }),
    await deploy(it, 'fourth', bytes),
    await deploy(it, 'fifth', Buffer.concat([bytes, custom]), { app: 'shop' }),
  ];
  for (const { outcome } of refused) assert.equal(outcome, 'ERR_IMPORT_NOT_GRANTED');
});

test('a component that spins in its start is given up', async () => {
  assert.equal((await spinning).outcome, 'ERR_COMPONENT_DEADLINE');
});

test('each refused start left one record, and the good component never failed', async (context) => {
  assert.ok(load);
  const report = await load.stop();
  context.diagnostic(describeLoad(report));
  assert.deepEqual(
    { wrong: report.wrong, refused: report.refused, lost: report.lost, samples: report.samples },
    { wrong: 0, refused: 0, lost: 0, samples: [] },
  );
  assert.ok(report.right > 100);
  const records = verifyAuditChain(
    readFileSync(join(it.folder, 'host-audit.jsonl'), 'utf8').split('\n').slice(0, -1),
  );
  const failed = it.events.filter(({ name }) => name === 'component_scale_failed');
  assert.deepEqual(
    records.filter(({ rule }) => rule === 'component-scale').map(({ reason }) => reason),
    failed.map(({ data }) => /ERR_\w+/.exec(JSON.stringify(data['error']))?.[0]),
  );
});
