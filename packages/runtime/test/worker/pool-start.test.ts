import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ComponentError } from '../../src/errors.ts';
import { startComponentPool } from '../../src/worker/pool.ts';
import type { ComponentPoolOptions } from '../../src/worker/types.ts';
import { buildGuest, buildWat } from './guests.ts';
import { get, startMany, withCode } from './pool-support.ts';

const start = (
  bytes: Uint8Array,
  options: Partial<ComponentPoolOptions> = {},
): ReturnType<typeof startComponentPool> =>
  startComponentPool({ name: 'guest', bytes, grants: { interfaces: [] }, config: {}, ...options });

const identity = {
  getJwt: (audience: string) => Promise.resolve({ token: `token for ${audience}` }),
};
const granted = { interfaces: ['wasmcloud:identity/store'] };

test('an import without a grant is refused by name', async () => {
  const bytes = await buildGuest('identity');
  const refused = withCode('ERR_IMPORT_NOT_GRANTED', 'wasmcloud:identity/store@0.0.1');
  await assert.rejects(start(bytes), refused);
  await assert.rejects(start(bytes, { identity }), refused);
  await assert.rejects(start(bytes, { grants: granted }), refused);
});

test('a granted identity answers with a token, or with why not', async (context) => {
  const bytes = await buildGuest('identity');
  const answers: (() => Promise<{ token: string } | undefined>)[] = [];
  const pool = await start(bytes, {
    grants: granted,
    identity: {
      getJwt: (audience, signal) => {
        assert.equal(audience, 'aud');
        assert.equal(signal.aborted, false);
        return answers.shift()!();
      },
    },
  });
  context.after(() => pool.stop());
  answers.push(
    () => Promise.resolve({ token: 'a.b.c' }),
    () => Promise.resolve(undefined),
    () => Promise.reject(new Error('down')),
  );
  assert.equal(await get(pool, '/'), 'a.b.c');
  assert.equal(await get(pool, '/'), '1');
  assert.equal(await get(pool, '/'), '0');
});

test('stopping withdraws a request for an identity', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<AbortSignal>();
  const pool = await start(await buildGuest('identity'), {
    grants: granted,
    identity: {
      getJwt: (_audience, signal) => {
        ask(signal);
        return new Promise(() => {});
      },
    },
  });
  const waiting = assert.rejects(get(pool, '/'), withCode('ERR_COMPONENT_STOPPED'));
  const signal = await asked;
  await pool.stop();
  await waiting;
  assert.equal(signal.aborted, true);
});

test('a host function declared with another type is refused', async () => {
  const wat = `(module (import "wasi:config/store@0.2.0-rc.1" "get" (func (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)))`;
  const bytes = await buildWat(wat, 'many', (wit) =>
    wit.replaceAll('get: func(key: string)', 'get: func(key: u32)'),
  );
  await assert.rejects(start(bytes), withCode('ERR_IMPORT_INVALID', 'wasi:config/store'));
});

test('a component that handles no HTTP is refused', async () => {
  const wat = '(module (func (export "run")) (memory (export "memory") 1))';
  await assert.rejects(start(await buildWat(wat, 'no-handler')), withCode('ERR_EXPORT_MISSING'));
});

test('a component that fails while it starts does not start', async () => {
  const text = `(module (memory (export "memory") 1)
    (func $start unreachable) (start $start)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)))`;
  await assert.rejects(start(await buildWat(text, 'many')), withCode('ERR_TRAP_GUEST'));
  const spinning = text.replace('$start unreachable', '$start (loop $l (br $l))');
  await assert.rejects(
    start(await buildWat(spinning, 'many'), { limits: { startMs: 300 } }),
    withCode('ERR_COMPONENT_DEADLINE'),
  );
});

test('bytes that are no component are refused, whatever they are', async () => {
  await assert.rejects(start(new Uint8Array(0)), withCode('ERR_COMPONENT_MALFORMED'));
  await assert.rejects(start(Buffer.from('hello, world')), withCode('ERR_COMPONENT_MALFORMED'));
  const good = await buildGuest('identity');
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = good.slice();
      bytes[at]! ^= flip;
      try {
        await (await start(bytes, { grants: granted, identity })).stop();
      } catch (error) {
        assert.ok(error instanceof ComponentError, String(error));
      }
    }),
    { numRuns: 12 },
  );
});

test('hostile names inside are names and nothing else', async (context) => {
  const bytes = await buildGuest('identity');
  const from = Buffer.from('incoming-handler@0.2.12#handle');
  for (const hostile of ["');process.exit(7);//", '__proto__', 'constructor\u0000', '\u202e\u2028']) {
    const name = Buffer.alloc(from.length, 0x61);
    Buffer.from(hostile).copy(name);
    const changed = Buffer.from(bytes);
    for (let at = changed.indexOf(from); at !== -1; at = changed.indexOf(from, at)) name.copy(changed, at);
    // The same text everywhere is a good name of a core function; what no name may hold is refused.
    try {
      const pool = await start(changed, { grants: granted, identity });
      context.after(() => pool.stop());
      assert.equal(await get(pool, '/'), 'token for aud');
    } catch (error) {
      assert.ok(error instanceof ComponentError, String(error));
    }
  }
});

test('a name of the pool may be anything', async (context) => {
  const pool = await startMany(context, { name: `'"\u0000\n${'x'.repeat(500)}` });
  assert.equal(await get(pool, '/1'), '1');
});
