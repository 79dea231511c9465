import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fields, maxFields } from '../../src/wasi/http-fields.ts';
import { bytes, isTrap, payloadOf, text } from './support.ts';

test('names compare without case, values keep their order', () => {
  const fields = new Fields();
  fields.append('X-Thing', bytes('one'));
  fields.append('x-thing', bytes('two'));
  assert.deepEqual(fields.get('X-THING').map(text), ['one', 'two']);
  assert.ok(fields.has('x-ThInG'));
  fields.set('x-thing', [bytes('three')]);
  assert.deepEqual(
    fields.entries().map(([name, value]) => [name, text(value)]),
    [['x-thing', 'three']],
  );
  fields.delete('X-Thing');
  assert.ok(!fields.has('x-thing'));
  assert.deepEqual(fields.get('x-thing'), []);
});

test('names outside the token grammar are refused', () => {
  for (const name of ['', 'a b', 'a:b', 'a\r\nb', 'ä', 'a\u0000', '(', 'a/b']) {
    assert.deepEqual(
      payloadOf(() => new Fields().append(name, bytes('x'))),
      { tag: 'invalid-syntax' },
      name,
    );
  }
});

test('values with control characters or outer spaces are refused', () => {
  for (const value of ['a\r\nset-cookie: x', 'a\n', 'a\u0000', '\u007f', ' a', 'a\t']) {
    assert.deepEqual(
      payloadOf(() => new Fields().append('x', bytes(value))),
      { tag: 'invalid-syntax' },
    );
    assert.deepEqual(
      payloadOf(() => new Fields().set('x', [bytes(value)])),
      { tag: 'invalid-syntax' },
    );
  }
  new Fields().append('x', Uint8Array.of(0x61, 0x09, 0x20, 0xff));
});

test('a failed set changes nothing', () => {
  const fields = new Fields();
  fields.append('x', bytes('kept'));
  payloadOf(() => fields.set('x', [bytes('good'), bytes('bad\n')]));
  assert.deepEqual(fields.get('x').map(text), ['kept']);
});

test('fields of the connection are forbidden', () => {
  for (const name of [
    'Connection',
    'host',
    'Transfer-Encoding',
    'upgrade',
    'keep-alive',
    'proxy-connection',
  ]) {
    assert.deepEqual(
      payloadOf(() => new Fields().append(name, bytes('x'))),
      { tag: 'forbidden' },
    );
    assert.deepEqual(
      payloadOf(() => new Fields().delete(name)),
      { tag: 'forbidden' },
    );
    assert.deepEqual(
      payloadOf(() => Fields.fromList([[name, bytes('x')]])),
      { tag: 'forbidden' },
    );
  }
});

test('what the server received is immutable, and without fields of the connection', () => {
  const fields = Fields.fromWire([
    'Host',
    'example.org',
    'X-A',
    '1',
    'Connection',
    'close',
    'x-a',
    'caf\u00e9',
  ]);
  assert.deepEqual(Fields.toWire(fields), ['x-a', '1', 'x-a', 'caf\u00e9']);
  assert.deepEqual([...fields.get('x-a')[1]!], [0x63, 0x61, 0x66, 0xe9]);
  assert.deepEqual(
    payloadOf(() => fields.append('x-b', bytes('2'))),
    { tag: 'immutable' },
  );
  assert.deepEqual(
    payloadOf(() => fields.set('x-b', [])),
    { tag: 'immutable' },
  );
  assert.deepEqual(
    payloadOf(() => fields.delete('x-a')),
    { tag: 'immutable' },
  );
});

test('a clone is mutable and apart', () => {
  const fields = Fields.fromWire(['x-a', '1']);
  const clone = fields.clone();
  clone.append('x-b', bytes('2'));
  assert.ok(!fields.has('x-b'));
  assert.deepEqual(Fields.toWire(clone), ['x-a', '1', 'x-b', '2']);
});

test('a view shows the same fields and cannot change them', () => {
  const fields = new Fields();
  fields.append('x-a', bytes('1'));
  const view = Fields.view(Fields.freeze(fields));
  assert.ok(view.has('x-a'));
  assert.deepEqual(
    payloadOf(() => view.append('x-b', bytes('2'))),
    { tag: 'immutable' },
  );
  assert.deepEqual(
    payloadOf(() => fields.append('x-b', bytes('2'))),
    { tag: 'immutable' },
  );
});

test('a flood of fields traps', () => {
  const many = new Fields();
  assert.throws(() => {
    for (let count = 0; count <= maxFields; count += 1) many.append('x', bytes('1'));
  }, isTrap('ERR_TRAP_WASI'));
  assert.throws(() => new Fields().append('x', new Uint8Array(70_000).fill(0x61)), isTrap('ERR_TRAP_WASI'));
});

test('taking fields out gives the room back', () => {
  const fields = new Fields();
  for (let count = 0; count < 100; count += 1) fields.set('x', [new Uint8Array(60_000).fill(0x61)]);
  assert.equal(fields.get('x').length, 1);
});

test('whatever goes in comes out on the wire without a line break', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 40 }), (name, value) => {
      const fields = new Fields();
      try {
        fields.append(name, value);
      } catch {
        assert.deepEqual(Fields.toWire(fields), []);
        return;
      }
      const [wireName, wireValue] = Fields.toWire(fields);
      assert.match(wireName!, /^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
      // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
      assert.doesNotMatch(wireValue!, /[\u0000-\u0008\u000a-\u001f\u007f]/);
    }),
  );
});

test('single tells one value from none and from many', () => {
  const fields = Fields.fromWire(['a', '1', 'b', '2', 'b', '3']);
  assert.equal(Fields.single(fields, 'a'), '1');
  assert.equal(Fields.single(fields, 'b'), null);
  assert.equal(Fields.single(fields, 'c'), undefined);
});
