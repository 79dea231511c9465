import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResultError } from '../../src/errors.ts';
import { isSuspending } from '../../src/link/host.ts';
import { identityStore, type GetJwt } from '../../src/wasi/identity.ts';
import { createWasiImports } from '../../src/wasi/imports.ts';
import { WaitScope } from '../../src/wasi/wait.ts';
import { callable, payloadOf } from './support.ts';

const get = (getJwt: GetJwt, scope = new WaitScope()): ((audience: string) => Promise<string>) =>
  callable(identityStore(getJwt, scope))['get'] as (audience: string) => Promise<string>;

const withPayload = (payload: unknown) => (error: unknown) => {
  assert.ok(error instanceof ResultError);
  assert.deepEqual(error.payload, payload);
  return true;
};

test('the token is handed on as it came', async () => {
  const asked: string[] = [];
  const answer = await get((audience) => {
    asked.push(audience);
    return Promise.resolve('token');
  })('spiffe://example.org/api');
  assert.equal(answer, 'token');
  assert.deepEqual(asked, ['spiffe://example.org/api']);
});

test('no identity is not-found', async () => {
  await assert.rejects(get(() => Promise.resolve(undefined))('a'), withPayload({ tag: 'not-found' }));
});

test('why the provider failed stays outside', async () => {
  const failing = get(() => Promise.reject(new Error('secret detail')));
  await assert.rejects(
    failing('a'),
    withPayload({ tag: 'io', val: 'the identity provider could not be asked' }),
  );
});

test('an unusable audience is refused without asking', () => {
  const never = get(() => assert.fail('asked'));
  for (const audience of ['', 'x'.repeat(3000)]) {
    assert.equal((payloadOf(() => never(audience)) as { tag: string }).tag, 'other');
  }
});

test('a cancelled call does not wait for the answer', async () => {
  const scope = new WaitScope();
  const waiting = get(() => new Promise(() => {}), scope)('a');
  scope.abort(new Error('cancelled'));
  await assert.rejects(waiting, /cancelled/);
});

test('get suspends, and is wired only where granted', () => {
  assert.ok(isSuspending(get(() => Promise.resolve(undefined))));
  const host = { writeLog: () => {}, config: () => new Map<string, string>() };
  assert.ok(!('wasmcloud:identity/store@0.0.1' in createWasiImports(host).imports));
  const granted = createWasiImports({ ...host, getJwt: () => Promise.resolve('t') });
  assert.ok('wasmcloud:identity/store@0.0.1' in granted.imports);
});
