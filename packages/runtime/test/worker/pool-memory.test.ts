import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { buildWat } from './guests.ts';
import { request, startMany, withCode } from './pool-support.ts';

/** Keeps 105 MB of names on the heap of its worker and asks for a field with a name of 33 MB in capitals. */
const greedy = `(module
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.has" (func $has (param i32 i32 i32) (result i32)))
  (memory (export "memory") 600)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)
    (local $count i32)
    (memory.fill (i32.const 1024) (i32.const 97) (i32.const 60000))
    (loop $next
      (call $append (call $fields) (i32.const 1024) (i32.const 60000) (i32.const 0) (i32.const 0) (i32.const 16))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $count) (i32.const 1750))))
    (memory.fill (i32.const 1000000) (i32.const 65) (i32.const 33000000))
    (drop (call $has (call $fields) (i32.const 1000000) (i32.const 33000000)))))`;

// A larger limit ends the process that runs this test: an object that does not fit the heap is fatal.
test('what one call of a guest makes of its memory fits the leeway of a full heap', async (context) => {
  const pool = await startMany(context, { bytes: await buildWat(greedy, 'many') });
  await assert.rejects(pool.handleHttp(request('/')), withCode('ERR_TRAP_LIMIT'));
});

/** Takes a while to compile, at the first call and unstoppably: many values lie on its stack at many joins. */
const slowToCompile = `(module
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)
    ${'(local.get 0)'.repeat(300)} ${'(block (br 0))'.repeat(60_000)} ${'drop '.repeat(300)}))`;

const threads = (): number => readdirSync('/proc/self/task').length;

test(
  'a worker is replaced when its thread has ended',
  { skip: process.platform !== 'linux' },
  async (context) => {
    const bytes = await buildWat(slowToCompile, 'many');
    const pool = await startMany(context, { bytes, limits: { deadlineMs: 20, graceMs: 10 } });
    const before = threads();
    await assert.rejects(pool.handleHttp(request('/')), withCode('ERR_COMPONENT_DEADLINE'));
    let most = 0;
    do {
      most = Math.max(most, threads());
      await new Promise((resolve) => setTimeout(resolve, 2));
    } while (pool.stats().restarts === 0 || pool.stats().workers === 0);
    assert.ok(most <= before, `${most} threads, ${before} before`);
  },
);
