import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestClock } from '@muster/testing';

import {
  createBundleSource,
  createJwtFileSink,
  createJwtFileSource,
  createJwtSource,
  isSpiffeError,
  JwtBundleSet,
  TrustDomain,
  verifyJwtSvid,
  WorkloadApiClient,
} from '../../src/index.ts';
import type { BundleSource, JwtFileSinkOptions, JwtFileSourceOptions, JwtSource } from '../../src/index.ts';
import { marshalJwtBundleFile, parseJwtBundleFile } from '../../src/files/jwt-bundle-file.ts';
import { GRPC_STATUS, GrpcStatusError } from '../../src/wire/index.ts';
import { FAST_RETRY, jwtBundlesMessage, until, x509BundlesMessage } from '../workload-api/support.ts';
import { createDirectory, removeDirectory } from './support.ts';

const NOW = Date.now();
const ID = 'spiffe://example.org/workload';
const td = TrustDomain.parse('example.org');
const jwt = createTestJwtAuthority('example.org', NOW);
const other = createTestJwtAuthority('other.org', NOW);

let api: FakeWorkloadApi;
let clock: TestClock;
let client: WorkloadApiClient;
let source: JwtSource;
let bundles: BundleSource;
let output: string;
let directory: string;
let errors: string[];
const closing: AsyncDisposable[] = [];

beforeEach(async () => {
  output = createDirectory();
  directory = join(output, 'jwt');
  errors = [];
  api = await startFakeWorkloadApi();
  clock = createTestClock(NOW);
  client = new WorkloadApiClient({ address: api.address, clock, retry: FAST_RETRY });
  api.send('FetchX509Bundles', x509BundlesMessage([createTestCa()]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks }));
  grant();
  source = createJwtSource({ client, clock, refresh: 'on-demand' });
  bundles = await createBundleSource({ client, clock });
});

afterEach(async () => {
  for (const each of closing.splice(0)) {
    await each[Symbol.asyncDispose]();
  }
  await source.close();
  await bundles.close();
  await client.close();
  await api.stop();
  removeDirectory(output);
  assert.equal(clock.pendingTimers, 0);
});

let granted = 0;
function grant(): void {
  api.onFetchJwtSvid(({ audience }) => ({ svids: [{ spiffeId: ID, svid: issue(audience), hint: '' }] }));
}

function issue(audience: readonly string[], lifeMs = 300_000): string {
  granted += 1;
  const seconds = Math.floor(clock.now() / 1000);
  const claims = { iat: seconds, exp: seconds + lifeMs / 1000, jti: String(granted) };
  return jwt.issue(ID, audience, { claims });
}

const onError = (error: Error): void => {
  errors.push((error as { code?: string }).code ?? error.message);
};

async function startSink(options: Partial<JwtFileSinkOptions> = {}): Promise<void> {
  const tokens = [
    { fileName: 'a.token', audience: 'a' },
    { fileName: 'bc.token', audience: ['b', 'c'] },
  ];
  const all = { source, tokens, bundles, bundleFileName: 'bundles.json', directory, clock, onError };
  closing.push(await createJwtFileSink({ ...all, ...options }));
}

const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
const write = (name: string, contents: string | Uint8Array): void => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), contents);
};

test('tokens and bundles are there when the sink is, in the form of spiffe-helper and with their modes', async () => {
  await startSink();
  assert.deepEqual(readdirSync(directory).toSorted(), ['a.token', 'bc.token', 'bundles.json']);
  assert.equal(verifyJwtSvid(read('a.token'), { bundles, audience: 'a' }).id.toString(), ID);
  assert.equal(verifyJwtSvid(read('bc.token'), { bundles, audience: 'c' }).audience.length, 2);
  const document = JSON.parse(read('bundles.json')) as Record<string, string>;
  assert.deepEqual(Object.keys(document), ['example.org']);
  assert.ok('keys' in (JSON.parse(Buffer.from(document['example.org']!, 'base64').toString()) as object));
  const modes = ['a.token', 'bc.token', 'bundles.json'].map(
    (name) => statSync(join(directory, name)).mode & 0o777,
  );
  assert.deepEqual(modes, [0o600, 0o600, 0o644]);
});

test('tokens are written again at half of their life, bundles when they change', async () => {
  await startSink();
  const [first, both] = [read('a.token'), read('bc.token')];
  clock.advance(149_000);
  assert.equal(read('a.token'), first);
  clock.advance(2000);
  await until(() => read('a.token') !== first && read('bc.token') !== both);
  const before = read('bundles.json');
  api.send(
    'FetchJWTBundles',
    jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks, 'spiffe://other.org': other.jwks }),
  );
  await until(() => read('bundles.json') !== before);
  assert.equal(parseJwtBundleFile(Buffer.from(read('bundles.json')), 'it').size, 2);
  assert.deepEqual(errors, []);
});

test('a token that cannot be had is tried for again, and the old one stays', async () => {
  await startSink();
  const first = read('a.token');
  api.onFetchJwtSvid(() => {
    throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'denied');
  });
  clock.advance(151_000);
  await until(() => errors.length === 2);
  assert.deepEqual(errors, ['ERR_NO_IDENTITY', 'ERR_NO_IDENTITY']);
  assert.equal(read('a.token'), first);
  grant();
  await until(() => {
    clock.advance(100);
    return read('a.token') !== first;
  });
});

test('bundles that are withdrawn leave their file', async () => {
  await startSink();
  const before = read('bundles.json');
  api.refuse('FetchJWTBundles', GRPC_STATUS.PERMISSION_DENIED);
  await until(() => bundles.getJwtBundles() === undefined);
  assert.equal(read('bundles.json'), before);
});

test('what a killed process has left behind is overwritten', async () => {
  write('..a.token.tmp', 'half');
  await startSink();
  assert.deepEqual(readdirSync(directory).toSorted(), ['a.token', 'bc.token', 'bundles.json']);
});

test('a sink that cannot start says why and leaves nothing running', async () => {
  api.onFetchJwtSvid(() => {
    throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'denied');
  });
  await assert.rejects(startSink(), { code: 'ERR_NO_IDENTITY' });
  grant();
  writeFileSync(join(output, 'file'), '');
  await assert.rejects(startSink({ directory: join(output, 'file') }), { code: 'ERR_FILE_WRITE' });
  for (const options of [
    { tokens: [], bundleFileName: undefined, bundles: undefined },
    { tokens: [{ fileName: '../a', audience: 'a' }] },
    { tokens: [{ fileName: 'bundles.json', audience: 'a' }] },
    { source: undefined },
    { bundles: undefined },
    { bundleFileName: undefined },
    { tokenMode: 0o604 },
    { bundleMode: 0o1000 },
    { bundleMode: 0o044 },
  ] satisfies Partial<JwtFileSinkOptions>[]) {
    await assert.rejects(
      startSink(options),
      { code: 'ERR_FILE_OPTIONS' },
      JSON.stringify(Object.keys(options)),
    );
  }
});

test('the wait for the first tokens ends by its limits', async () => {
  api.onFetchJwtSvid(async () => await new Promise(() => {}));
  const controller = new AbortController();
  const waiting = assert.rejects(startSink({ signal: controller.signal }), { code: 'ERR_ABORTED' });
  controller.abort();
  await waiting;
  const late = assert.rejects(startSink({ timeoutMs: 100 }), { code: 'ERR_TIMEOUT' });
  clock.advance(100);
  await late;
});

async function follow(options: Partial<JwtFileSourceOptions> = {}): ReturnType<typeof createJwtFileSource> {
  const all = { directory, tokenFileName: 'a.token', bundleFileName: 'bundles.json', clock, onError };
  const followed = await createJwtFileSource({ ...all, ...options });
  closing.push(followed);
  return followed;
}

test('a source follows what a sink writes', async () => {
  await startSink();
  const followed = await follow({ audience: 'a' });
  const first = followed.getJwtSvid();
  assert.equal(verifyJwtSvid(first.token, { bundles: followed, audience: 'a' }).id.toString(), ID);
  clock.advance(151_000);
  await until(() => followed.getJwtSvid() !== first);
  assert.equal(followed.getJwtBundle(TrustDomain.parse('other.org')), undefined);
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://other.org': other.jwks }));
  await until(() => followed.getJwtBundle(TrustDomain.parse('other.org')) !== undefined);
  assert.equal(followed.getJwtBundle(td), undefined);
  assert.deepEqual(errors, []);
});

test('files that cannot be taken change nothing, are told once, and a token is not given past its expiry', async () => {
  await startSink();
  const followed = await follow({ audience: 'a' });
  const first = followed.getJwtSvid();
  const defects: [string, string, string][] = [
    ['ERR_JWT_MALFORMED', 'a.token', 'rubbish'],
    ['ERR_JWT_AUDIENCE_MISMATCH', 'a.token', issue(['b'])],
    ['ERR_JWT_EXPIRED', 'a.token', issue(['a'], -60_000)],
    ['ERR_FILE_MALFORMED', 'bundles.json', '{'],
    ['ERR_FILE_MALFORMED', 'bundles.json', '{}'],
    ['ERR_FILE_MALFORMED', 'bundles.json', '{"example.org":"*"}'],
    ['ERR_FILE_MALFORMED', 'bundles.json', '{"example.org":"","example.org":""}'],
    ['ERR_BUNDLE_MALFORMED', 'bundles.json', '{"example.org":""}'],
    ['ERR_ID_TRUST_DOMAIN_CHARACTER', 'bundles.json', '{"Example.org":""}'],
  ];
  for (const [code, name, contents] of defects) {
    write(name, contents);
    await until(() => errors.at(-1) === code);
    assert.equal(followed.getJwtSvid(), first);
    assert.ok(followed.getJwtBundle(td)?.equals(jwt.bundle));
  }
  rmSync(join(directory, 'a.token'));
  await until(() => errors.at(-1) === 'ERR_FILE_READ');
  assert.equal((followed.lastError as { code?: string } | undefined)?.code, 'ERR_FILE_READ');
  clock.jump(first.expiresAt);
  assert.throws(() => followed.getJwtSvid(), { code: 'ERR_JWT_EXPIRED' });
});

test('a file that is again what was taken ends its failure, and the next one is told anew', async () => {
  await startSink();
  const followed = await follow({ audience: 'a' });
  const path = join(directory, 'a.token');
  const good = readFileSync(path);
  writeFileSync(path, 'rubbish');
  await until(() => errors.length === 1);
  assert.ok(followed.lastError);
  writeFileSync(path, good);
  await until(() => followed.lastError === undefined);
  writeFileSync(path, 'rubbish');
  await until(() => errors.length === 2);
  assert.equal(followed.getJwtSvid().token, good.toString());
});

test('one file can be followed alone; the first is waited for, and options must be meant', async () => {
  const opening = follow({ tokenFileName: undefined });
  await until(() => errors.includes('ERR_FILE_READ'));
  assert.ok(!existsSync(directory));
  write('bundles.json', marshalJwtBundleFile(new JwtBundleSet([jwt.bundle])));
  clock.advance(5000);
  const followed = await opening;
  assert.ok(followed.getJwtBundle(td));
  assert.throws(() => followed.getJwtSvid(), { code: 'ERR_NO_IDENTITY' });
  await followed.close();
  assert.throws(() => followed.getJwtSvid(), { code: 'ERR_CLOSED' });
  assert.throws(() => followed.getJwtBundle(td), { code: 'ERR_CLOSED' });
  const waiting = assert.rejects(follow({ timeoutMs: 1000 }), {
    code: 'ERR_TIMEOUT',
    message: /a\.token.*missing/,
  });
  await until(() => errors.length === 2);
  clock.advance(1000);
  await waiting;
  for (const options of [
    { tokenFileName: undefined, bundleFileName: undefined },
    { tokenFileName: '../a' },
    { pollMs: 0 },
  ]) {
    await assert.rejects(follow(options), { code: 'ERR_FILE_OPTIONS' });
  }
});

test('whatever the bundle file: read, or refused with the own error', () => {
  const text = marshalJwtBundleFile(new JwtBundleSet([jwt.bundle, other.bundle]));
  assert.ok(parseJwtBundleFile(Buffer.from(text), 'it').equals(new JwtBundleSet([other.bundle, jwt.bundle])));
  for (let end = 0; end < text.length; end += 7) {
    assert.throws(() => parseJwtBundleFile(Buffer.from(text.slice(0, end)), 'it'), isSpiffeError);
  }
});
