import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { isSpiffeError, SPIFFE_ERRORS, SpiffeError } from '../src/index.ts';
import { GRPC_STATUS, GrpcStatusError } from '../src/wire/index.ts';

function readFolder(name: string): string {
  const folder = join(import.meta.dirname, '..', name);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('errors.ts') && !file.endsWith('errors.test.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}

test('every code is thrown somewhere, and has a test', () => {
  const source =
    readFolder('src') + readFileSync(join(import.meta.dirname, '../src/workload-api/errors.ts'), 'utf8');
  const tests = readFolder('test');
  for (const code of Object.keys(SPIFFE_ERRORS)) {
    assert.ok(source.includes(`'${code}'`), `${code} is not used`);
    assert.ok(tests.includes(code), `${code} has no test`);
  }
});

test('meanings are sentences', () => {
  for (const meaning of Object.values(SPIFFE_ERRORS)) {
    assert.match(meaning, /^[A-Z].*\.$/);
  }
});

test('errors are known by their code', () => {
  const cause = new Error('why');
  const error = new SpiffeError('ERR_TIMEOUT', 'message', { cause });
  assert.equal(error.cause, cause);
  assert.equal(error.name, 'SpiffeError');
  assert.ok(isSpiffeError(error));
  assert.ok(isSpiffeError(Object.assign(new Error('from another copy'), { code: 'ERR_TIMEOUT' })));
  assert.ok(isSpiffeError(new GrpcStatusError(GRPC_STATUS.ABORTED, 'x')));
  for (const other of [
    new Error('x'),
    Object.assign(new Error('x'), { code: 'ECONNRESET' }),
    { code: 'ERR_TIMEOUT' },
    undefined,
    'ERR_TIMEOUT',
    Object.assign(new Error('x'), { code: 'toString' }),
  ]) {
    assert.ok(!isSpiffeError(other));
  }
});
