import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostError } from '../src/index.ts';
import { describeFailure } from '../src/failure.ts';

test('errors of ours are quoted with their code in front', () => {
  assert.deepEqual(describeFailure(new HostError('ERR_ARTIFACT_SCHEME', 'Cannot load it')), {
    code: 'ERR_ARTIFACT_SCHEME',
    text: 'ERR_ARTIFACT_SCHEME: Cannot load it',
  });
});

for (const [name, error] of [
  ['no error', 'password=hunter2'],
  ['an error without code', new Error('password=hunter2')],
  ["one of Node's errors", Object.assign(new Error('password=hunter2'), { code: 'ERR_INVALID_ARG_TYPE' })],
  ['a system error', Object.assign(new Error('open /secret'), { code: 'ENOENT' })],
  ['a name from the prototype', Object.assign(new Error('x'), { code: 'constructor' })],
  ['a code that is no text', Object.assign(new Error('x'), { code: 5 })],
] as const) {
  test(`${name} is not quoted`, () => {
    assert.deepEqual(describeFailure(error), { code: 'ERR_UNKNOWN', text: 'internal error' });
  });
}
