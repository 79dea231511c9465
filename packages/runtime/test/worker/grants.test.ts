import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentError } from '../../src/errors.ts';
import type { ComponentImport } from '../../src/link/component.ts';
import { checkGrants, checkHttpExport } from '../../src/worker/grants.ts';

const entry = (text: string, kind: ComponentImport['kind'] = 'instance'): ComponentImport => {
  const [name, version] = text.split('@');
  return { name: name ?? '', version, kind };
};

const check = (text: string, granted: string[] = [], kind?: ComponentImport['kind']): void =>
  checkGrants([entry('wasi:io/poll@0.2.0'), entry(text, kind)], new Set(granted));

const isRefusalOf = (text: string) => (error: unknown) =>
  error instanceof ComponentError && error.code === 'ERR_IMPORT_NOT_GRANTED' && error.message.includes(text);

test('the base set needs no grant', () => {
  const names = [
    'wasi:io/streams@0.2.12',
    'wasi:clocks/wall-clock@0.2.0',
    'wasi:random/random@0.2.3',
    'wasi:cli/stdout@0.2.10',
    'wasi:http/types@0.2.6',
    'wasi:http/outgoing-handler@0.2.6',
    'wasi:filesystem/preopens@0.2.0',
    'wasi:sockets/tcp@0.2.10',
    'wasi:config/store@0.2.0-rc.1',
    'wasi:config/runtime@0.2.0-draft',
    'wasi:logging/logging@0.1.0-draft',
    'wasi:logging/logging',
  ];
  for (const name of names) check(name);
});

test('another version of a known interface is another interface', () => {
  for (const name of [
    'wasi:http/types@0.3.0',
    'wasi:io/poll',
    'wasi:config/store@0.3.0',
    'wasi:cli/exit@0.20.0',
  ]) {
    assert.throws(() => check(name), isRefusalOf(name), name);
  }
});

test('everything else is refused by name', () => {
  for (const name of [
    'wasmcloud:identity/store@0.0.1',
    'wasi:keyvalue/store@0.2.0-draft',
    'wasi:httpx/types@0.2.0',
  ])
    assert.throws(() => check(name), isRefusalOf(name), name);
  assert.throws(() => check('run', [], 'function'), isRefusalOf('run'));
  assert.throws(() => check('wasi:io/poll@0.2.0', [], 'module'), isRefusalOf('wasi:io/poll@0.2.0'));
  assert.throws(() => check('__proto__'), isRefusalOf('__proto__'));
});

test('a grant names an interface or a package', () => {
  check('wasmcloud:identity/store@0.0.1', ['wasmcloud:identity/store']);
  check('wasmcloud:identity/store@0.0.1', ['wasmcloud:identity']);
  assert.throws(() => check('wasmcloud:identity/store@0.0.1', ['wasmcloud']), isRefusalOf('identity'));
  check('some-type', [], 'type');
});

test('a component for HTTP exports the handler', () => {
  checkHttpExport([{ name: 'wasi:http/incoming-handler', version: '0.2.3', kind: 'instance' }]);
  assert.throws(
    () => checkHttpExport([{ name: 'wasi:cli/run', version: '0.2.3', kind: 'instance' }]),
    (error: unknown) => error instanceof ComponentError && error.code === 'ERR_EXPORT_MISSING',
  );
});
