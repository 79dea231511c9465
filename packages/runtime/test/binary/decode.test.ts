import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileComponent,
  ComponentError,
  describeImports,
  type ComponentErrorCode,
} from '../../src/index.ts';
import { buildWat } from '../support/build.ts';
import { component, preamble, section, signed, text, vector } from '../support/bytes.ts';

function refuses(bytes: Uint8Array, code: ComponentErrorCode, message?: RegExp): void {
  const start = performance.now();
  assert.throws(
    () => compileComponent(bytes),
    (error: unknown) =>
      error instanceof ComponentError &&
      error.code === code &&
      (message === undefined || message.test(error.message)),
  );
  assert.ok(performance.now() - start < 2_000, 'the refusal is quick');
}

test('an empty component is a component', () => {
  const compiled = compileComponent(component());
  assert.deepEqual(compiled.imports, []);
  assert.deepEqual(compiled.exports, []);
});

test('what is no component is refused', () => {
  refuses(new Uint8Array(), 'ERR_COMPONENT_MALFORMED');
  refuses(Buffer.from('hello world'), 'ERR_COMPONENT_MALFORMED', /not a WebAssembly binary/);
  refuses(
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
    'ERR_COMPONENT_MALFORMED',
    /core module, not a component/,
  );
  refuses(Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0c, 0, 1, 0), 'ERR_COMPONENT_MALFORMED', /version/);
  refuses(Uint8Array.from(preamble.slice(0, 7)), 'ERR_COMPONENT_MALFORMED');
  refuses(component([13, 0]), 'ERR_COMPONENT_MALFORMED', /unknown section/);
  refuses(component(section(7, 0, 0)), 'ERR_COMPONENT_MALFORMED', /does not end where its size says/);
});

test('a count of 2^32-1 is refused before anything is allocated', () => {
  for (const id of [2, 3, 5, 6, 7, 8, 10, 11]) {
    refuses(
      component(section(id, 0xff, 0xff, 0xff, 0xff, 0x0f)),
      'ERR_COMPONENT_MALFORMED',
      /vector is longer/,
    );
  }
  refuses(component([7, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'ERR_COMPONENT_MALFORMED', /range is longer/);
});

test('numbers that are too long are refused', () => {
  refuses(
    component(section(7, 0xff, 0xff, 0xff, 0xff, 0x1f)),
    'ERR_COMPONENT_MALFORMED',
    /longer than 32 bits/,
  );
  refuses(
    component(section(7, 0x80, 0x80, 0x80, 0x80, 0x80, 0)),
    'ERR_COMPONENT_MALFORMED',
    /longer than 32 bits/,
  );
  const badUse = section(7, 1, 0x70, 0xff, 0xff, 0xff, 0xff, 0x2f);
  refuses(component(badUse), 'ERR_COMPONENT_MALFORMED', /longer than 33 bits/);
});

test('a million empty sections are more items than a component may have', () => {
  const sections = Buffer.alloc(3 * 1_000_001, Uint8Array.of(7, 1, 0));
  refuses(Buffer.concat([Uint8Array.from(preamble), sections]), 'ERR_COMPONENT_LIMIT', /items/);
});

test('nesting is bounded', () => {
  let nested: number[] = [...preamble];
  for (let depth = 0; depth < 200; depth++) nested = [...preamble, ...section(4, ...nested)];
  refuses(Uint8Array.from(nested), 'ERR_COMPONENT_LIMIT', /nests deeper/);
  let type: number[] = [0x42, 0];
  for (let depth = 0; depth < 5_000; depth++) type = [0x42, 1, 0x01, ...type];
  refuses(component(section(7, 1, ...type)), 'ERR_COMPONENT_LIMIT', /nests deeper/);
  let moduleType: number[] = [0x50, 0];
  for (let depth = 0; depth < 5_000; depth++) moduleType = [0x50, 1, 0x01, ...moduleType];
  refuses(component(section(3, 1, ...moduleType)), 'ERR_COMPONENT_MALFORMED', /nested module type/);
});

test('a tuple of 2^60 elements is refused where it passes 2^28 bytes', () => {
  const types = Array.from({ length: 60 }, (_, index) => [
    0x6f,
    2,
    ...(index === 0 ? [0x7d, 0x7d] : [index - 1, index - 1]),
  ]);
  refuses(component(section(7, ...vector(...types))), 'ERR_COMPONENT_LIMIT', /2\^28 bytes/);
});

test('value types nest only so far', () => {
  const types = Array.from({ length: 1_000 }, (_, index) => [
    0x6b,
    ...(index === 0 ? [0x7d] : signed(index - 1)),
  ]);
  refuses(component(section(7, ...vector(...types))), 'ERR_COMPONENT_LIMIT', /nests deeper/);
});

test('instances cannot be multiplied without end', async () => {
  // Each level instantiates the level below twice: 2^30 instances.
  let wat = '(component $c0 (core module $m))';
  for (let level = 1; level <= 30; level++) {
    wat = `(component $c${level} ${wat} (instance (instantiate $c${level - 1})) (instance (instantiate $c${level - 1})))`;
  }
  refuses(await buildWat(`(component ${wat} (instance (instantiate $c30)))`), 'ERR_COMPONENT_LIMIT');
});

test('definitions cannot be multiplied by instances', async () => {
  const fields = Array.from({ length: 2_000 }, (_, index) => `(field "f${index}" u8)`).join(' ');
  const many = Array.from({ length: 2_000 }, () => '(instance (instantiate $c))').join(' ');
  const bytes = await buildWat(`(component (component $c (type (record ${fields}))) ${many})`);
  refuses(bytes, 'ERR_COMPONENT_LIMIT', /definitions/);
});

test('the size of the binary is bounded', () => {
  assert.throws(() => compileComponent(component(), { componentBytes: 7 }), { code: 'ERR_COMPONENT_LIMIT' });
  assert.throws(() => describeImports(component(), { componentBytes: 7 }), { code: 'ERR_COMPONENT_LIMIT' });
});

test('types without entries, and too many flags, are refused', () => {
  for (const opcode of [0x72, 0x71, 0x6f, 0x6e, 0x6d]) {
    refuses(component(section(7, 1, opcode, 0)), 'ERR_COMPONENT_MALFORMED', /without entries/);
  }
  const labels = (count: number): number[][] =>
    Array.from({ length: count }, (_, index) => text(`f${index}`));
  refuses(component(section(7, 1, 0x6e, ...vector(...labels(33)))), 'ERR_COMPONENT_MALFORMED', /32 flags/);
  compileComponent(component(section(7, 1, 0x6e, ...vector(...labels(32)))));
});

test('names of fields, cases and exports must be labels that differ', () => {
  const record = (...names: string[]): Uint8Array =>
    component(section(7, 1, 0x72, ...vector(...names.map((name) => [...text(name), 0x7d]))));
  compileComponent(record('a', 'b-C', 'a1-2-3'));
  for (const bad of [
    '',
    'A-b c',
    '1a',
    'a--b',
    'a-',
    '-a',
    'aB',
    '__proto__',
    'a_b',
    'a.b',
    "a'b",
    'a\nb',
    'é',
    'a\0',
  ]) {
    refuses(record(bad), 'ERR_COMPONENT_MALFORMED', /is not a label/);
  }
  refuses(record('ab', 'AB'), 'ERR_COMPONENT_MALFORMED', /not unique/);
  refuses(component(section(7, 1, 0x72, 1, 2, 0xff, 0xfe, 0x7d)), 'ERR_COMPONENT_MALFORMED', /not UTF-8/);
});

test('the 0.3 ABI is refused by name', () => {
  refuses(component(section(7, 1, 0x43, 0, 1, 0)), 'ERR_COMPONENT_UNSUPPORTED', /async function type/);
  refuses(component(section(7, 1, 0x66, 0)), 'ERR_COMPONENT_UNSUPPORTED', /stream/);
  refuses(component(section(7, 1, 0x65, 0)), 'ERR_COMPONENT_UNSUPPORTED', /future/);
  refuses(component(section(8, 1, 0x1f)), 'ERR_COMPONENT_UNSUPPORTED', /"waitable-set\.new"/);
  refuses(component(section(8, 1, 0x09)), 'ERR_COMPONENT_UNSUPPORTED', /"task\.return"/);
  refuses(component(section(8, 1, 0x01, 0x00, 0, 1, 0x06)), 'ERR_COMPONENT_UNSUPPORTED', /"async"/);
  refuses(component(section(8, 1, 0x7e)), 'ERR_COMPONENT_MALFORMED', /unknown canonical built-in/);
  refuses(component(section(9, 0)), 'ERR_COMPONENT_UNSUPPORTED', /start section/);
});

test('imports are described from the binary alone', async () => {
  const bytes = await buildWat(`(component
    (import "wasi:io/streams@0.2.12" (instance))
    (import "wasi:config/store@0.2.0-rc.1" (instance))
    (import "plain" (func))
    (component (import "not:mine/inner" (instance)))
    (import "wasmcloud:secrets/store" (instance)))`);
  assert.deepEqual(describeImports(bytes), [
    { name: 'wasi:io/streams', version: '0.2.12', kind: 'instance' },
    { name: 'wasi:config/store', version: '0.2.0-rc.1', kind: 'instance' },
    { name: 'plain', version: undefined, kind: 'function' },
    { name: 'wasmcloud:secrets/store', version: undefined, kind: 'instance' },
  ]);
});

test('import names are interface names or labels, nothing else, each once', () => {
  const imports = (...names: string[]): Uint8Array =>
    component(
      section(7, 1, 0x42, 0),
      section(10, ...vector(...names.map((name) => [0x00, ...text(name), 0x05, 0]))),
    );
  assert.equal(describeImports(imports('a:b/c@1.0.0', 'a:b/c@1.0.1')).length, 2);
  for (const bad of [
    '',
    'wasi:http',
    'a:b/c@',
    'a:b/c@01.0.0',
    'url=<https://x>',
    '../x',
    'a:b/c d',
    "a'",
    'a:b/C:d',
    'constructor]x',
    '[method]a',
    '__proto__',
  ]) {
    assert.throws(() => describeImports(imports(bad)), { code: 'ERR_COMPONENT_MALFORMED' }, bad);
    refuses(imports(bad), 'ERR_COMPONENT_MALFORMED');
  }
  refuses(imports('a', 'A'), 'ERR_COMPONENT_MALFORMED', /twice/);
});
