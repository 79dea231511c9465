import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileComponent, ComponentError, describeImports, instantiateComponent } from '../../src/index.ts';
import { buildGuest, buildWat } from '../support/build.ts';
import { echoWat, echoWit } from '../support/echo.ts';
import { createRandom, mutate } from '../support/mutate.ts';
import { Other, Thing, thingsBinary, thingHost } from '../support/things.ts';
import { compoundCases, scalarCases } from '../support/types.ts';

const cases = [...scalarCases.slice(0, 4), ...compoundCases.slice(0, 8), ...compoundCases.slice(-8)];

const nested = `(component
  (import "a:b/host@1.0.0" (instance $host (export "r" (type $r (sub resource))) (export "f" (func (param "x" (own $r))))))
  (component $c
    (import "f" (func $f (param "x" u32) (result string)))
    (core module $m (memory (export "m") 1) (table 1 funcref)
      (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (core func (canon lower (func $f) (memory $i "m") (realloc (func $i "r"))))
    (type $t (resource (rep i32)))
    (export "t" (type $t)))
  (core module $m (func (export "f") (param i32) (result i32) (i32.const 4)) (memory (export "m") 1))
  (core instance $i (instantiate $m))
  (func $f (param "x" u32) (result string) (canon lift (core func $i "f") (memory $i "m")))
  (instance $one (instantiate $c (with "f" (func $f))))
  (instance $two (instantiate $c (with "f" (func $f))))
  (alias export $one "t" (type $t1))
  (type $record (record (field "a" (list u8)) (field "b" (option (tuple u8 string)))))
  (type $variant (variant (case "a" $record) (case "b")))
  (export "f" (func $f)))`;

const seeds = [
  await buildGuest(echoWit(cases), echoWat(cases)),
  await buildWat(nested),
  await buildWat('(component (import "f" (func $f)) (export "g" (func $f)))'),
  thingsBinary,
];

const host = Object.fromEntries(cases.map((_, index) => [`echo${index}`, (value: unknown) => value]));
const imports = {
  'test:echo/far@1.2.3': host,
  'test:things/store@0.2.4': thingHost().store as never,
  'a:b/host@1.0.0': { R: Thing, f: () => undefined },
  f: () => undefined,
  thing: Other,
};

/** A longer run is a matter of setting this: MUTANTS=1000000. */
const mutants = Number(process.env['MUTANTS'] ?? 5_000);

test('mutants of good components give a ComponentError or an instance, quickly, and nothing else', () => {
  const random = createRandom(20_260_822);
  let compiled = 0;
  let started = 0;
  let slowest = 0;
  const codes = new Map<string, number>();
  for (let count = 0; count < mutants; count++) {
    const bytes = mutate(seeds[count % seeds.length] as Uint8Array, random);
    const start = performance.now();
    try {
      describeImports(bytes);
      const component = compileComponent(bytes);
      compiled++;
      instantiateComponent(component, imports);
      started++;
    } catch (error) {
      if (!(error instanceof ComponentError)) {
        throw new Error(`Mutant ${count}: ${Buffer.from(bytes).toString('base64')}`, { cause: error });
      }
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
    }
    slowest = Math.max(slowest, performance.now() - start);
  }
  assert.ok(slowest < 2_000, `the slowest took ${slowest} ms`);
  // The mutants are worth something only if they get past the first checks.
  assert.ok(compiled > 100 && started > 20, `${compiled} compiled, ${started} started`);
  assert.ok((codes.get('ERR_COMPONENT_INVALID') ?? 0) > 100, JSON.stringify([...codes]));
});
