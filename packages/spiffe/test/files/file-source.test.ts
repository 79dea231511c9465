import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, startFakeWorkloadApi } from '@muster/testing';

import {
  createFileSource,
  createX509Source,
  SPIFFE_HELPER_FILES,
  tlsClientOptions,
  matchAny,
  verifyX509Svid,
} from '../../src/index.ts';
import type { FileSourceOptions, IdentityState, X509Source } from '../../src/index.ts';
import { until, x509Message } from '../workload-api/support.ts';
import {
  ca,
  createDirectory,
  createIdentity,
  ID,
  removeDirectory,
  writeMount,
  writePlain,
} from './support.ts';
import type { TestIdentity } from './support.ts';

const sources: X509Source[] = [];
const first = createIdentity();
let directory: string;

beforeEach(() => {
  directory = createDirectory();
});

afterEach(async () => {
  await Promise.all(sources.splice(0).map(async (each) => await each.close()));
  removeDirectory(directory);
});

async function open(options: Partial<FileSourceOptions> = {}): Promise<X509Source> {
  const source = await createFileSource({ directory, ...options });
  sources.push(source);
  return source;
}

const code = (error: unknown): string => (error as { code?: string }).code ?? String(error);
const isOf = (source: X509Source, identity: TestIdentity): boolean =>
  Buffer.compare(source.getX509Svid().certificates[0]!, identity.svid.certificates[0]!) === 0;

test('M52: gives the SVID and the bundle of both layouts', async () => {
  await writeMount(directory, first);
  const plain = join(directory, 'plain');
  writePlain(plain, first, SPIFFE_HELPER_FILES);
  for (const source of [
    await open(),
    await open({
      directory: plain,
      fileNames: SPIFFE_HELPER_FILES,
      spiffeId: ID,
      trustDomain: 'example.org',
    }),
  ]) {
    assert.ok(isOf(source, first));
    assert.ok(source.getX509Svid().privateKey.equals(first.svid.privateKey));
    assert.equal(source.state(), 'valid');
    assert.ok(source.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
    assert.equal(source.getX509Bundle(createTestCa('other.org').trustDomain), undefined);
    assert.equal(verifyX509Svid(source.getX509Svid().certificates, source).id.toString(), ID);
  }
});

test('M53: a swap of ..data is followed', async () => {
  await writeMount(directory, first);
  const source = await open();
  const states: IdentityState[] = [];
  source.onChange((state) => states.push(state));
  for (const next of [createIdentity(), createIdentity()]) {
    await writeMount(directory, next);
    await until(() => isOf(source, next));
    assert.ok(source.getX509Svid().privateKey.equals(next.svid.privateKey));
  }
  assert.deepEqual(states, ['valid', 'valid']);
});

test('M53: plain files that are rewritten one by one are followed once they match again', async () => {
  writePlain(directory, first);
  const errors: string[] = [];
  const source = await open({ onError: (error) => errors.push(code(error)) });
  const next = createIdentity();
  writeFileSync(join(directory, 'tls.crt'), next.certificate);
  await until(() => errors.includes('ERR_SVID_KEY_MISMATCH'));
  assert.ok(isOf(source, first));
  writeFileSync(join(directory, 'tls.key'), next.key);
  await until(() => isOf(source, next));
});

test('M53: a source over files that change in a tight loop never holds a mismatched pair', async () => {
  const identities = [first, createIdentity(), createIdentity()];
  writePlain(directory, first);
  const source = await open();
  let changes = 0;
  const check = (): void => {
    const held = source.getX509Svid();
    const of = identities.find(
      ({ svid }) => Buffer.compare(svid.certificates[0]!, held.certificates[0]!) === 0,
    );
    assert.ok(of?.svid.privateKey.equals(held.privateKey));
  };
  source.onChange(() => {
    changes += 1;
    check();
  });
  for (let turn = 0; turn < 200; turn += 1) {
    const { certificate, key } = identities[turn % 3]!;
    await writeFile(join(directory, 'tls.key'), key);
    await writeFile(join(directory, 'tls.crt'), certificate);
    check();
  }
  await until(() => isOf(source, identities[199 % 3]!));
  assert.ok(changes > 0);
});

test('without a change being told, the files are looked at every 5 s', async () => {
  const clock = createTestClock(Date.now());
  const later = join(directory, 'later');
  const opening = open({ directory: later, clock, timeoutMs: 60_000 });
  clock.advance(4000);
  // Nothing watches a directory that is not there.
  await writeMount(later, first);
  clock.advance(1000);
  const source = await opening;
  assert.ok(isOf(source, first));
});

test('a directory that is replaced as a whole is found by looking and watched from then on', async () => {
  const clock = createTestClock(Date.now());
  const mount = join(directory, 'mount');
  writePlain(mount, first);
  const source = await open({ directory: mount, clock });
  const second = createIdentity();
  const third = createIdentity();
  renameSync(mount, join(directory, 'old'));
  writePlain(mount, second);
  // Seldom, so that the SVID that is held does not expire while a reading takes its time.
  let turns = 0;
  await until(() => {
    if (turns++ % 1000 === 0) clock.advance(5000);
    return isOf(source, second);
  });
  writePlain(mount, third);
  await until(() => isOf(source, third));
});

test('a bundle elsewhere is looked at every 5 s', async () => {
  const clock = createTestClock(Date.now());
  const mount = join(directory, 'mount');
  const roots = join(directory, 'roots.pem');
  writePlain(mount, first);
  writeFileSync(roots, first.ca);
  const nextCa = createTestCa('example.org');
  const source = await open({ directory: mount, fileNames: { bundle: roots }, clock });
  writeFileSync(roots, first.ca + nextCa.bundle.toPem());
  clock.advance(5000);
  await until(() => source.getX509Bundle(ca.trustDomain)?.authorities.length === 2);
});

test('M55: an authority that is removed from the file is trusted no longer', async () => {
  const nextCa = createTestCa('example.org');
  await writeMount(directory, { ...first, ca: first.ca + nextCa.bundle.toPem() });
  const source = await open();
  const peer = nextCa.issueX509Svid('spiffe://example.org/peer').certificates;
  verifyX509Svid(peer, source);
  await writeMount(directory, first);
  await until(() => source.getX509Bundle(ca.trustDomain)?.authorities.length === 1);
  assert.throws(() => verifyX509Svid(peer, source), { code: 'ERR_SVID_UNTRUSTED' });
});

test('files that cannot be taken change nothing, are reported once, and are taken when they are good', async () => {
  const clock = createTestClock(Date.now());
  const errors: string[] = [];
  writePlain(directory, first);
  const source = await open({ clock, spiffeId: ID, onError: (error) => errors.push(code(error)) });
  const now = clock.now();
  const defects: (readonly [string, () => void])[] = [
    [
      'ERR_FILE_READ',
      () => {
        rmSync(join(directory, 'tls.key'));
      },
    ],
    [
      'ERR_FILE_MALFORMED',
      () => {
        writePlain(directory, { ...first, certificate: '' });
      },
    ],
    [
      'ERR_FILE_MALFORMED',
      () => {
        writePlain(directory, { ...first, ca: first.ca.slice(0, 200) });
      },
    ],
    [
      'ERR_FILE_MALFORMED',
      () => {
        writePlain(directory, { ...first, ca: '' });
      },
    ],
    [
      'ERR_SVID_KEY_MISMATCH',
      () => {
        writePlain(directory, { ...first, key: createIdentity().key });
      },
    ],
    [
      'ERR_SVID_ID_MISMATCH',
      () => {
        writePlain(directory, createIdentity({}, 'spiffe://example.org/other'));
      },
    ],
    [
      'ERR_SVID_EXPIRED',
      () => {
        writePlain(directory, createIdentity({ expiresAt: now - 1000 }));
      },
    ],
    [
      'ERR_SVID_NOT_YET_VALID',
      () => {
        writePlain(directory, createIdentity({ notBeforeAt: now + 60_000 }));
      },
    ],
    [
      'ERR_SVID_OUTDATED',
      () => {
        writePlain(directory, createIdentity({ notBeforeAt: now - 60_000 }));
      },
    ],
  ];
  for (const [expected, spoil] of defects) {
    spoil();
    await until(() => errors.at(-1) === expected);
    const count = errors.length;
    clock.advance(5000);
    await until(() => clock.pendingTimers === 1);
    assert.ok(isOf(source, first), expected);
    assert.ok(errors.length <= count + 1);
  }
  const next = createIdentity();
  writePlain(directory, next);
  await until(() => isOf(source, next));
});

test('an older SVID is taken when the one that is held has expired', async () => {
  const clock = createTestClock(Date.now());
  const now = clock.now();
  writePlain(directory, createIdentity({ expiresAt: now + 10_000 }));
  const source = await open({ clock });
  clock.advance(10_000);
  const older = createIdentity({ notBeforeAt: now - 60_000 });
  writePlain(directory, older);
  await until(() => source.state() === 'valid');
  assert.ok(isOf(source, older));
});

test('expiry is announced once, at its time, and a new SVID ends it', async () => {
  const clock = createTestClock(Date.now());
  // Certificates know whole seconds only.
  const expiresAt = Math.floor(clock.now() / 1000) * 1000 + 12_000;
  writePlain(directory, createIdentity({ expiresAt }));
  const source = await open({ clock });
  const states: IdentityState[] = [];
  const stop = source.onChange((state) => states.push(state));
  clock.advance(expiresAt - clock.now() - 1);
  assert.equal(source.state(), 'valid');
  clock.advance(1);
  assert.deepEqual(states, ['expired']);
  assert.equal(source.state(), 'expired');
  assert.throws(() => source.getX509Svid(), { code: 'ERR_SVID_EXPIRED' });
  clock.advance(20_000);
  assert.deepEqual(states, ['expired']);
  const next = createIdentity({ expiresAt: clock.now() + 3_600_000 });
  writePlain(directory, next);
  await until(() => source.state() === 'valid');
  assert.deepEqual(states, ['expired', 'valid']);
  stop();
});

test('a listener that throws is reported and does not keep the others from being told', async () => {
  writePlain(directory, first);
  const errors: string[] = [];
  const source = await open({ onError: (error) => errors.push(error.message) });
  let told = 0;
  source.onChange(() => {
    throw new Error('listener');
  });
  const stop = source.onChange(() => {
    told += 1;
  });
  const next = createIdentity();
  await writeMount(join(directory, 'unrelated'), next);
  writePlain(directory, next);
  await until(() => told === 1);
  assert.ok(errors.includes('listener'));
  stop();
  const last = createIdentity();
  writePlain(directory, last);
  await until(() => isOf(source, last));
  assert.equal(told, 1);
});

test('M61: a source that cannot start says why', async () => {
  const clock = createTestClock(Date.now());
  const start = async (options: Partial<FileSourceOptions>, expected: RegExp): Promise<void> => {
    const errors: Error[] = [];
    const opening = open({ ...options, clock, timeoutMs: 4000, onError: (error) => errors.push(error) });
    const refused = assert.rejects(opening, { code: 'ERR_TIMEOUT', message: expected });
    await until(() => errors.length > 0);
    clock.advance(4000);
    await refused;
    assert.equal(clock.pendingTimers, 0);
  };
  writePlain(directory, first);
  await start({ trustDomain: 'other.org' }, /must be in trust domain "other\.org"/);
  await start({ spiffeId: 'spiffe://example.org/x' }, /must be "spiffe:\/\/example\.org\/x"/);
  await start({ fileNames: { bundle: 'bundle.pem' } }, /bundle\.pem.*missing/);
  await start({ directory: join(directory, 'nowhere') }, /nowhere.*missing/);
  for (const options of [{ trustDomain: 'Not A Domain' }, { spiffeId: 'example.org/x' }]) {
    await assert.rejects(open(options), (error) => code(error).startsWith('ERR_ID_'));
  }
  await assert.rejects(open({ fileNames: { key: '../key' } }), { code: 'ERR_FILE_OPTIONS' });
});

test('the wait for the first files can be cancelled', async () => {
  const clock = createTestClock(Date.now());
  const controller = new AbortController();
  const opening = open({ clock, signal: controller.signal });
  controller.abort();
  await assert.rejects(opening, { code: 'ERR_ABORTED' });
  assert.equal(clock.pendingTimers, 0);
});

test('after close nothing is given and nothing is told', async () => {
  const clock = createTestClock(Date.now());
  writePlain(directory, first);
  const source = await createFileSource({ directory, clock });
  let told = 0;
  source.onChange(() => {
    told += 1;
  });
  writePlain(directory, createIdentity());
  await source[Symbol.asyncDispose]();
  assert.equal(clock.pendingTimers, 0);
  assert.throws(() => source.getX509Svid(), { code: 'ERR_CLOSED' });
  assert.equal(told, 0);
});

test('M62: files and the Workload API are sources of one interface', async () => {
  const api = await startFakeWorkloadApi();
  try {
    const issued = ca.issueX509Svid(ID);
    api.send('FetchX509SVID', x509Message([{ id: ID, svid: issued, bundle: ca.certificate }]));
    mkdirSync(join(directory, 'mount'));
    writePlain(join(directory, 'mount'), first);
    const candidates: X509Source[] = [
      await open({ directory: join(directory, 'mount') }),
      await createX509Source({ address: api.address }),
    ];
    sources.push(...candidates);
    for (const source of candidates) {
      const options = tlsClientOptions({
        bundles: source,
        trustDomain: ca.trustDomain,
        authorize: matchAny(),
        svid: source,
      });
      assert.match(String(options.cert), /BEGIN CERTIFICATE/);
      assert.equal(source.getX509Svid().id.toString(), ID);
      assert.equal(source.state(), 'valid');
    }
  } finally {
    await api.stop();
  }
});

test('a reason that stays the same is told once, and again when there was another in between', async () => {
  const clock = createTestClock(Date.now());
  const errors: string[] = [];
  writePlain(directory, first);
  await open({ clock, onError: (error) => errors.push(code(error)) });
  const key = join(directory, 'tls.key');
  const told = async (...expected: string[]): Promise<void> => {
    await until(() => errors.length >= expected.length);
    clock.advance(5000);
    // Nothing tells that nothing is told: the look that has begun has this long to do so.
    for (let turn = 0; turn < 500; turn += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    assert.deepEqual(errors, expected);
  };
  rmSync(key);
  await told('ERR_FILE_READ');
  // Written at once, so that nothing half written is seen.
  writeFileSync(join(directory, 'new'), 'rubbish');
  renameSync(join(directory, 'new'), key);
  await told('ERR_FILE_READ', 'ERR_FILE_MALFORMED');
  rmSync(key);
  await told('ERR_FILE_READ', 'ERR_FILE_MALFORMED', 'ERR_FILE_READ');
});
