import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSignatures, compileComponent, describeSignatures } from '../../src/index.ts';
import { fingerprint, trackSignatures } from '../../src/link/signatures.ts';
import { wasiSignatures } from '../../src/wasi/signatures.ts';
import { buildWat } from '../support/build.ts';
import { compiledThings } from '../support/things.ts';
import { currentWasiSignatures } from '../support/wasi-signatures.ts';

test('signatures say what a component declares the host functions to be', () => {
  const signatures = describeSignatures(compiledThings);
  assert.equal(
    signatures['test:things/store@0.2.4#[static]thing.join'],
    'func(own<test:things/store.thing>,borrow<test:things/store.thing>)->' +
      'result<own<test:things/store.thing>,string>',
  );
  assert.equal(signatures['test:things/store@0.2.4#maybe'], 'func(bool)->result<u32,string>');
});

test('a component that declares a host function otherwise is refused', async () => {
  const expected = Object.fromEntries(
    Object.entries(trackSignatures(describeSignatures(compiledThings))).map(([name, text]) => [
      name,
      fingerprint(text),
    ]),
  );
  checkSignatures(compiledThings, expected);
  const lying = compileComponent(
    await buildWat(`(component
      (import "test:things/store@0.2.7" (instance $s (export "maybe" (func (param "fail" u32) (result (result u32 (error string)))))))
      (core module $m (memory (export "m") 1) (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
      (core instance $i (instantiate $m))
      (core func (canon lower (func $s "maybe") (memory $i "m") (realloc (func $i "r")))))`),
  );
  assert.throws(() => checkSignatures(lying, expected), {
    code: 'ERR_IMPORT_INVALID',
    message: /test:things\/store@0\.2\.7#maybe/,
  });
  checkSignatures(lying, {});
});

test('a type of many paths prints in the size of its parts', async () => {
  const levels = Array.from(
    { length: 20 },
    (_, index) => `(type $t${index + 1} (list (tuple $t${index} $t${index})))`,
  );
  const compiled = compileComponent(
    await buildWat(`(component (type $t0 (tuple string string u8 u8 u8)) ${levels.join(' ')}
      (import "f" (func $f (param "x" $t20)))
      (core module $m (memory (export "m") 1))
      (core instance $i (instantiate $m))
      (core func (canon lower (func $f) (memory $i "m"))))`),
  );
  assert.ok((describeSignatures(compiled)['f'] ?? '').length < 1_000);
});

test('the signatures of the WASI host are those of its WIT', async () => {
  assert.deepEqual(wasiSignatures, await currentWasiSignatures());
  assert.ok(Object.keys(wasiSignatures).length > 150);
});
