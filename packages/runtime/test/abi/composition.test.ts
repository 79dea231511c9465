import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileComponent, instantiateComponent, suspending } from '../../src/index.ts';
import { allocator, buildWat, startWat, type Anything } from '../support/build.ts';

const libc = `(core module $libc ${allocator}) (core instance $libc (instantiate $libc))`;
const options = '(memory $libc "memory") (realloc (func $libc "cabi_realloc"))';

/** Two components: the outer world calls `caller`, which passes its argument to `callee` and the result back. */
function chain(type: string, flat: string, encodings: readonly [string, string]): string {
  const flats = flat.split(' ');
  const gets = flats.map((_, index) => `(local.get ${index})`).join(' ');
  const isDirect = flats.length === 1;
  const result = isDirect ? flat : 'i32';
  const stores: Readonly<Record<string, string>> = {
    i32: 'i32.store',
    i64: 'i64.store',
    f32: 'f32.store',
    f64: 'f64.store',
  };
  // A string or list is returned as its two flat values; wider types are not used here.
  const body = isDirect
    ? '(local.get 0)'
    : `${flats.map((core, index) => `(${stores[core]} (i32.const ${64 + 4 * index}) (local.get ${index}))`).join(' ')} (i32.const 64)`;
  return `(component
    (import "host" (instance $host (export "note" (func))))
    (component $callee
      (import "note" (func $note))
      ${libc}
      (core func $note (canon lower (func $note)))
      (core module $m
        (import "libc" "memory" (memory 1))
        (import "host" "note" (func $note))
        (func (export "pass") (param ${flat}) (result ${result}) (call $note) ${body}))
      (core instance $i (instantiate $m (with "libc" (instance $libc))
        (with "host" (instance (export "note" (func $note))))))
      (func (export "pass") (param "x" ${type}) (result ${type})
        (canon lift (core func $i "pass") ${options} string-encoding=${encodings[1]})))
    (component $caller
      (import "pass" (func $pass (param "x" ${type}) (result ${type})))
      ${libc}
      (core func $pass (canon lower (func $pass) ${options} string-encoding=${encodings[0]}))
      (core module $m
        (import "libc" "memory" (memory 1))
        (import "callee" "pass" (func $pass (param ${flat} ${isDirect ? '' : 'i32'}) ${isDirect ? `(result ${flat})` : ''}))
        (func (export "run") (param ${flat}) (result ${result})
          ${isDirect ? `(call $pass ${gets})` : `(call $pass ${gets} (i32.const 96)) (i32.const 96)`}))
      (core instance $i (instantiate $m (with "libc" (instance $libc))
        (with "callee" (instance (export "pass" (func $pass))))))
      (func (export "run") (param "x" ${type}) (result ${type})
        (canon lift (core func $i "run") ${options} string-encoding=${encodings[0]})))
    (instance $a (instantiate $callee (with "note" (func $host "note"))))
    (instance $b (instantiate $caller (with "pass" (func $a "pass"))))
    (export "run" (func $b "run")))`;
}

const cases: readonly [string, string, readonly unknown[]][] = [
  ['u32', 'i32', [7]],
  ['s64', 'i64', [-1n]],
  ['f32', 'f32', [1.5]],
  ['char', 'i32', ['😀']],
  ['string', 'i32 i32', ['', 'é', '€ 漢字 😀', 'x'.repeat(5_000)]],
  ['(list u8)', 'i32 i32', [Uint8Array.of(1, 2, 3)]],
  ['(list string)', 'i32 i32', [['a', 'é', '€']]],
  [
    '(list (record (field "a-b" u8) (field "c" (option string))))',
    'i32 i32',
    [
      [
        { aB: 1, c: 'x' },
        { aB: 2, c: undefined },
      ],
    ],
  ],
  [
    '(list (variant (case "n") (case "s" string) (case "l" (list u64))))',
    'i32 i32',
    [[{ tag: 'n' }, { tag: 's', val: 'v' }, { tag: 'l', val: BigUint64Array.of(9n) }]],
  ],
  ['(option u32)', 'i32 i32', [undefined, 3]],
  [
    '(list (result (tuple u8 f64) (error (enum "x" "y"))))',
    'i32 i32',
    [
      [
        { tag: 'ok', val: [1, 0.5] },
        { tag: 'err', val: 'y' },
      ],
    ],
  ],
  ['(list (flags "r" "w-x"))', 'i32 i32', [[{ r: true, wX: false }]]],
];

for (const [type, flat, values] of cases) {
  test(`${type} crosses from component to component`, async () => {
    const bytes = await buildWat(chain(type, flat, ['utf8', 'utf8']));
    const instance = instantiateComponent(compileComponent(bytes), { host: { note: () => undefined } });
    for (const value of values) assert.deepEqual((instance.exports as Anything).run(value), value);
  });
}

test('strings are transcoded between components of different encodings', async () => {
  const encodings = ['utf8', 'utf16', 'latin1+utf16'];
  for (const from of encodings) {
    for (const to of encodings) {
      const bytes = await buildWat(chain('string', 'i32 i32', [from, to]));
      const instance = instantiateComponent(compileComponent(bytes), { host: { note: () => undefined } });
      for (const text of ['', 'ascii', 'é', '€', '😀'])
        assert.equal((instance.exports as Anything).run(text), text, `${from} to ${to}`);
    }
  }
});

test('a suspension reaches through two components', async () => {
  const bytes = await buildWat(chain('string', 'i32 i32', ['utf8', 'utf16']));
  let noted = 0;
  const note = suspending(async () => {
    await Promise.resolve();
    noted++;
  });
  const instance = instantiateComponent(compileComponent(bytes), { host: { note } });
  assert.equal(await (instance.exports as Anything).run('é€'), 'é€');
  assert.equal(noted, 1);
  const failing = suspending(() => Promise.reject(new Error('gone')));
  const broken = instantiateComponent(compileComponent(bytes), { host: { note: failing } });
  await assert.rejects((broken.exports as Anything).run('x'), { code: 'ERR_TRAP_HOST' });
});

test('a component instance is not entered while it is in a call', async () => {
  // The outer component calls the inner one, which calls a function of the outer one.
  const instance = await startWat(`(component
    (core module $table (table (export "t") 1 funcref)
      (type $f (func))
      (func (export "back") (call_indirect (type $f) (i32.const 0))))
    (core instance $table (instantiate $table))
    (func $back (canon lift (core func $table "back")))
    (component $inner
      (import "back" (func $back))
      (core func $back (canon lower (func $back)))
      (core module $m (import "" "back" (func $back)) (func (export "go") (call $back)))
      (core instance $i (instantiate $m (with "" (instance (export "back" (func $back))))))
      (func (export "go") (canon lift (core func $i "go"))))
    (instance $inner (instantiate $inner (with "back" (func $back))))
    (core func $go (canon lower (func $inner "go")))
    (core module $outer (import "" "go" (func $go)) (func (export "run") (call $go)))
    (core instance $outer (instantiate $outer (with "" (instance (export "go" (func $go))))))
    (func (export "run") (canon lift (core func $outer "run"))))`);
  assert.throws(() => (instance.exports as Anything).run(), { code: 'ERR_TRAP_REENTRANCE' });
});

test('a resource moves between components: own, borrow, and its destructor where it was defined', async () => {
  const instance = await startWat(`(component
    (component $maker
      (core module $m
        (global $drops (mut i32) (i32.const 0))
        (func (export "dtor") (param i32) (global.set $drops (i32.add (global.get $drops) (local.get 0))))
        (func (export "drops") (result i32) (global.get $drops))
        (func (export "peek") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
      (core instance $i (instantiate $m))
      (type $r (resource (rep i32) (dtor (func $i "dtor"))))
      (core func $new (canon resource.new $r))
      (core module $n (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0))))
      (core instance $n (instantiate $n (with "" (instance (export "new" (func $new))))))
      (export $r' "r" (type $r))
      (func (export "make") (param "rep" u32) (result (own $r')) (canon lift (core func $n "make")))
      (func (export "peek") (param "r" (borrow $r')) (result u32) (canon lift (core func $i "peek")))
      (func (export "drops") (result u32) (canon lift (core func $i "drops"))))
    (instance $maker (instantiate $maker))
    (alias export $maker "r" (type $r))
    (component $user
      (import "r" (type $r (sub resource)))
      (import "make" (func $make (param "rep" u32) (result (own $r))))
      (import "peek" (func $peek (param "r" (borrow $r)) (result u32)))
      (core func $make (canon lower (func $make)))
      (core func $peek (canon lower (func $peek)))
      (core func $drop (canon resource.drop $r))
      (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "peek" (func $peek (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param i32) (result i32)
          (local $h i32) (local $seen i32)
          (local.set $h (call $make (local.get 0)))
          (local.set $seen (call $peek (local.get $h)))
          (call $drop (local.get $h))
          (local.get $seen)))
      (core instance $i (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "peek" (func $peek)) (export "drop" (func $drop))))))
      (func (export "run") (param "rep" u32) (result u32) (canon lift (core func $i "run"))))
    (instance $user (instantiate $user (with "r" (type $r))
      (with "make" (func $maker "make")) (with "peek" (func $maker "peek"))))
    (export "run" (func $user "run"))
    (export "drops" (func $maker "drops")))`);
  const guest = instance.exports as Anything;
  assert.equal(guest.run(21), 42);
  assert.equal(guest.drops(), 21);
  assert.equal(instance.stats().handles, 0);
});

test('one tree that traps is ended as a whole', async () => {
  const instance = await startWat(`(component
    (component $c
      (core module $m (func (export "bad") unreachable) (func (export "good")))
      (core instance $i (instantiate $m))
      (func (export "bad") (canon lift (core func $i "bad")))
      (func (export "good") (canon lift (core func $i "good"))))
    (instance $one (instantiate $c))
    (instance $two (instantiate $c))
    (export "bad" (func $one "bad"))
    (export "good" (func $two "good")))`);
  const guest = instance.exports as Anything;
  guest.good();
  assert.throws(() => guest.bad(), { code: 'ERR_TRAP_GUEST' });
  assert.throws(() => guest.good(), { code: 'ERR_TRAP_GUEST' });
});
