import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startComponentPool } from '../../src/worker/pool.ts';
import { buildWat } from '../support/build.ts';
import { withCode } from './pool-support.ts';

test('a component that declares a WASI function with another type is refused by name', async () => {
  // The host would be called with a string where it expects a number.
  const bytes = await buildWat(`(component
    (import "wasi:random/random@0.2.3" (instance $random
      (export "get-random-bytes" (func (param "len" string) (result (list u8))))))
    (core module $m (memory (export "m") 1)
      (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (core func (canon lower (func $random "get-random-bytes") (memory $i "m") (realloc (func $i "r"))))
    (instance $handler)
    (export "wasi:http/incoming-handler@0.2.3" (instance $handler)))`);
  await assert.rejects(
    startComponentPool({ name: 'lying', bytes, grants: { interfaces: [] }, config: {} }),
    withCode('ERR_IMPORT_INVALID', 'wasi:random/random@0.2.3#get-random-bytes'),
  );
});
