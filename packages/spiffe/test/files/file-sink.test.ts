import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock } from '@muster/testing';

import { createFileSink, createFileSource, SPIFFE_HELPER_FILES, X509Bundle } from '../../src/index.ts';
import type { FileSink, FileSinkOptions } from '../../src/index.ts';
import { until } from '../workload-api/support.ts';
import { ca, createDirectory, createHeldSource, createIdentity, removeDirectory } from './support.ts';
import type { HeldSource, TestIdentity } from './support.ts';

let directory: string;
let output: string;
let source: HeldSource;
let errors: (readonly [string, number | undefined])[];
const sinks: FileSink[] = [];
const first = createIdentity();

beforeEach(() => {
  output = createDirectory();
  directory = join(output, 'mount');
  source = createHeldSource(first);
  errors = [];
});

afterEach(async () => {
  await Promise.all(sinks.splice(0).map(async (each) => await each.close()));
  removeDirectory(output);
});

async function start(options: Partial<FileSinkOptions> = {}): Promise<FileSink> {
  const sink = await createFileSink({
    source,
    directory,
    onError: (error, retryInMs) =>
      errors.push([(error as { code?: string }).code ?? error.message, retryInMs]),
    ...options,
  });
  sinks.push(sink);
  return sink;
}

const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
const holds = (identity: TestIdentity): boolean => read('tls.crt') === identity.certificate;
const mode = (name: string): number => statSync(join(directory, name)).mode & 0o777;

test('M52, M54: certificate, key and authorities are there when the sink is, with their modes', async () => {
  await start();
  assert.deepEqual(
    [read('tls.crt'), read('tls.key'), read('ca.crt')],
    [first.certificate, first.key, first.ca],
  );
  assert.deepEqual([mode('tls.crt'), mode('tls.key'), mode('ca.crt')], [0o644, 0o600, 0o644]);
});

test("M52: names, modes and group are the caller's to choose", async () => {
  const groupId = process.getgid?.() ?? 0;
  await start({ fileNames: SPIFFE_HELPER_FILES, mode: 0o444, keyMode: 0o440, groupId });
  assert.deepEqual([mode('svid.pem'), mode('svid_key.pem'), mode('svid_bundle.pem')], [0o444, 0o440, 0o444]);
  assert.equal(statSync(join(directory, 'svid_key.pem')).gid, groupId);
});

test('M53: each change of the source is written', async () => {
  const written: string[] = [];
  await start({ onWrite: (svid) => written.push(svid.id.toString()) });
  for (const next of [createIdentity(), createIdentity({}, 'spiffe://example.org/other')]) {
    source.give(next);
    await until(() => holds(next));
    assert.equal(read('tls.key'), next.key);
  }
  await until(() => written.length === 3);
  assert.deepEqual(written.at(-1), 'spiffe://example.org/other');
  assert.deepEqual(errors, []);
});

test('M53, M62: a file source behind a sink that is renewed in a tight loop never holds a mismatched pair', async () => {
  await start();
  const follower = await createFileSource({ directory });
  const identities = Array.from({ length: 20 }, () => createIdentity());
  let changes = 0;
  follower.onChange(() => {
    changes += 1;
    const held = follower.getX509Svid();
    const of = identities.find(
      ({ svid }) => Buffer.compare(svid.certificates[0]!, held.certificates[0]!) === 0,
    );
    assert.ok(of?.svid.privateKey.equals(held.privateKey));
  });
  for (const identity of identities) {
    source.give(identity);
    await until(() => holds(identity));
  }
  const last = identities.at(-1)!;
  await until(() => follower.getX509Svid().privateKey.equals(last.svid.privateKey));
  assert.ok(changes > 0);
  await follower.close();
});

test('M55: a changed bundle alone is written too', async () => {
  await start();
  const nextCa = createTestCa('example.org');
  const bundle = X509Bundle.fromAuthorities(ca.trustDomain, [ca.certificate, nextCa.certificate]);
  source.give({ ...first, bundle });
  await until(() => read('ca.crt') === bundle.toPem());
  source.give(first);
  await until(() => read('ca.crt') === first.ca);
});

test('changes during a write are written afterwards, the newest only', async () => {
  let written = 0;
  const starting = start({ onWrite: () => (written += 1) });
  const identities = Array.from({ length: 10 }, () => createIdentity());
  for (const identity of identities) {
    source.give(identity);
  }
  await starting;
  await until(() => holds(identities.at(-1)!));
  assert.ok(written <= 2);
});

test('what has not changed is not written again', async () => {
  const marker = join(output, 'marker');
  await start({ command: ['touch', marker] });
  const inode = statSync(join(directory, 'tls.crt')).ino;
  source.give(first);
  const sink = sinks.pop();
  await sink?.close();
  assert.equal(statSync(join(directory, 'tls.crt')).ino, inode);
  assert.ok(!existsSync(marker));
});

test('an identity that is withdrawn leaves its files, and none is needed to go on', async () => {
  await start();
  source.give(undefined);
  assert.ok(holds(first));
  const next = createIdentity();
  source.give(next);
  await until(() => holds(next));
  assert.deepEqual(errors, []);
});

test('without an identity, or with an empty bundle, the sink does not start and writes nothing', async () => {
  const empty = X509Bundle.fromAuthorities(ca.trustDomain, []);
  for (const [held, code] of [
    [undefined, 'ERR_NO_IDENTITY'],
    [{ ...first, bundle: empty }, 'ERR_BUNDLE_EMPTY'],
  ] as const) {
    source = createHeldSource(held);
    await assert.rejects(start(), { code });
    assert.equal(source.listeners, 0);
    assert.ok(!existsSync(directory));
  }
});

test('an empty bundle later on is not written', async () => {
  const clock = createTestClock();
  await start({ clock });
  source.give({ ...first, bundle: X509Bundle.fromAuthorities(ca.trustDomain, []) });
  await until(() => errors.length > 0);
  assert.equal(errors[0]?.[0], 'ERR_BUNDLE_EMPTY');
  assert.equal(read('ca.crt'), first.ca);
});

test('a write that fails is tried again', async () => {
  const clock = createTestClock();
  await start({ clock });
  rmSync(join(directory, 'tls.crt'));
  writeFileSync(join(directory, 'tls.crt'), 'in the way');
  const next = createIdentity();
  source.give(next);
  await until(() => errors.length === 1);
  assert.equal(errors[0]?.[0], 'ERR_FILE_WRITE');
  assert.ok((errors[0]?.[1] ?? 0) >= 800 && (errors[0]?.[1] ?? 0) <= 1000);
  await until(() => clock.pendingTimers === 1);
  clock.advance(1000);
  await until(() => errors.length === 2);
  assert.ok((errors[1]?.[1] ?? 0) >= 1600);
  assert.equal(read('tls.key'), first.key);
  rmSync(join(directory, 'tls.crt'));
  await until(() => clock.pendingTimers === 1);
  clock.advance(2000);
  await until(() => existsSync(join(directory, 'tls.crt')) && holds(next));
});

test('a retry for an identity that was withdrawn meanwhile does nothing', async () => {
  const clock = createTestClock();
  const sink = await start({ clock });
  rmSync(join(directory, 'tls.crt'));
  writeFileSync(join(directory, 'tls.crt'), 'in the way');
  source.give(createIdentity());
  await until(() => clock.pendingTimers === 1);
  source.give(undefined);
  clock.advance(1000);
  await sink.close();
  assert.equal(errors.length, 1);
  assert.equal(clock.pendingTimers, 0);
});

test('the command runs on renewal, not at first, and its arguments reach it as they are', async () => {
  const marker = join(output, '$(id) "; a\' *');
  const options = { command: ['touch', marker] };
  await start(options);
  const next = createIdentity();
  assert.ok(!existsSync(marker));
  source.give(next);
  await until(() => existsSync(marker));
  assert.deepEqual(readdirSync(output).toSorted(), ['mount', '$(id) "; a\' *'].toSorted());
  assert.ok(holds(next));
});

test('files of an earlier run that are replaced at the start are a renewal', async () => {
  const marker = join(output, 'marker');
  const earlier = await start();
  await earlier.close();
  await start({ command: ['touch', marker] });
  await until(() => existsSync(marker));
});

test('a command that fails, or cannot be started, is reported and not repeated', async () => {
  for (const command of [['false'], ['sh', '-c', 'kill -TERM $$'], [join(output, 'nothing-here')]]) {
    errors = [];
    const sink = await start({ command });
    source.give(createIdentity());
    await until(() => errors.length > 0);
    await sink.close();
    for (const error of errors) {
      assert.deepEqual(error, ['ERR_COMMAND_FAILED', 0]);
    }
  }
});

test('a command that does not end is killed with all it has started', async () => {
  const clock = createTestClock();
  const pidFile = join(output, 'pid');
  // The rename makes the number appear as a whole.
  const script = 'sleep 1000 & echo $! > "$0.new"; mv "$0.new" "$0"; wait';
  const sink = await start({ clock, command: ['sh', '-c', script, pidFile], commandTimeoutMs: 5000 });
  source.give(createIdentity());
  await until(() => existsSync(pidFile));
  const pid = readFileSync(pidFile, 'utf8').trim();
  clock.advance(4999);
  assert.ok(isRunning(pid));
  clock.advance(1);
  await until(() => errors.length === 1);
  assert.deepEqual(errors, [['ERR_TIMEOUT', 0]]);
  await until(() => !isRunning(pid));
  await sink.close();
  assert.equal(clock.pendingTimers, 0);
});

test('a command that hangs does not keep the next SVID from being written, and is run again for it', async () => {
  const clock = createTestClock(Date.now());
  const runs = join(output, 'runs');
  // The first run hangs, the second ends.
  const script = 'echo run >> "$0"; [ "$(wc -l < "$0")" -gt 1 ] || sleep 1000';
  let written = 0;
  const command = ['sh', '-c', script, runs];
  const sink = await start({ clock, command, commandTimeoutMs: 5000, onWrite: () => (written += 1) });
  const count = (): number => (existsSync(runs) ? readFileSync(runs, 'utf8').split('\n').length - 1 : 0);
  source.give(createIdentity());
  await until(() => count() === 1);
  for (const next of [createIdentity(), createIdentity()]) {
    source.give(next);
    await until(() => holds(next));
  }
  await until(() => written === 4);
  assert.equal(count(), 1);
  clock.advance(5000);
  await until(() => count() === 2);
  await sink.close();
  assert.deepEqual(errors, [['ERR_TIMEOUT', 0]]);
  assert.equal(clock.pendingTimers, 0);
});

test('authorities that have expired are left out if that is wished, but not the last', async () => {
  const now = Date.now();
  const clock = createTestClock(now);
  const expiring = createTestCa('example.org', now, { expiresAt: now + 60_000 });
  const both = [ca.certificate, expiring.certificate];
  const bundle = X509Bundle.fromAuthorities(ca.trustDomain, both);
  source.give({ ...first, bundle });
  await start({ clock, isOmittingExpired: true });
  assert.equal(read('ca.crt'), bundle.toPem());
  clock.advance(61_000);
  const next = createIdentity();
  source.give({ ...next, bundle });
  await until(() => holds(next));
  assert.equal(read('ca.crt'), ca.bundle.toPem());
  source.give({ ...createIdentity(), bundle: expiring.bundle });
  await until(() => errors.length === 1);
  assert.equal(errors[0]?.[0], 'ERR_BUNDLE_EMPTY');
  assert.equal(read('ca.crt'), ca.bundle.toPem());
});

test('authorities of other trust domains are written only if that is wished', async () => {
  const other = createTestCa('other.org');
  source.give({ ...first, federated: [other.bundle] });
  const sink = await start();
  assert.equal(read('ca.crt'), first.ca);
  await sink.close();
  await start({ hasFederatedBundles: true });
  assert.equal(read('ca.crt'), first.ca + other.bundle.toPem());
});

/** Neither gone nor ended and waiting to be collected. */
function isRunning(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('close waits for a write under way and follows no more', async () => {
  const sink = await start();
  const next = createIdentity();
  source.give(next);
  await sink[Symbol.asyncDispose]();
  assert.ok(holds(next));
  assert.equal(source.listeners, 0);
  source.give(createIdentity());
  assert.ok(holds(next));
});

test('a listener or reporter that throws does not stop the sink', async () => {
  await start({
    onWrite: () => {
      throw new Error('listener');
    },
    onError: () => {
      throw new Error('reporter');
    },
  });
  for (const next of [createIdentity(), createIdentity()]) {
    source.give(next);
    await until(() => holds(next));
  }
});

test('options that cannot be meant are refused', async () => {
  for (const options of [
    { fileNames: { key: '../key' } },
    { fileNames: { bundle: '/etc/ca.crt' } },
    { commandTimeoutMs: 0 },
    { mode: 0o1000 },
    { mode: -1 },
    { keyMode: 0o604 },
    { keyMode: 0o601 },
    { keyMode: 0o040 },
    { mode: 0o200 },
    { command: [] },
    { command: [''] },
  ] satisfies Partial<FileSinkOptions>[]) {
    await assert.rejects(start(options), { code: 'ERR_FILE_OPTIONS' }, JSON.stringify(options));
  }
  assert.ok(!existsSync(directory));
});

test('the wait for the first files ends by its limits', async () => {
  const clock = createTestClock(Date.now());
  // The files cannot be ready in the same turn.
  const late = assert.rejects(start({ clock, timeoutMs: 100 }), { code: 'ERR_TIMEOUT' });
  clock.advance(100);
  await late;
  await assert.rejects(start({ clock, signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' });
  await until(() => source.listeners === 0);
  assert.equal(clock.pendingTimers, 0);
  await assert.rejects(start({ timeoutMs: 0 }), { code: 'ERR_FILE_OPTIONS' });
});

test('a success begins the delays anew, and a change does not leave the old try behind', async () => {
  const clock = createTestClock(Date.now());
  await start({ clock });
  const obstruct = (): void => {
    rmSync(join(directory, 'tls.crt'));
    writeFileSync(join(directory, 'tls.crt'), 'in the way');
  };
  for (const turn of [1, 2]) {
    obstruct();
    source.give(createIdentity());
    await until(() => errors.length === turn);
    assert.ok(errors[turn - 1]![1]! <= 1000, `the delay is that of a first failure, in turn ${turn}`);
    await until(() => clock.pendingTimers === 1);
    rmSync(join(directory, 'tls.crt'));
    const next = createIdentity();
    source.give(next);
    assert.equal(clock.pendingTimers, 0, 'what the timer was for is being done');
    await until(() => existsSync(join(directory, 'tls.crt')) && holds(next));
    await until(() => source.changeCount > 0 && clock.pendingTimers === 0);
  }
  assert.equal(errors.length, 2);
});
