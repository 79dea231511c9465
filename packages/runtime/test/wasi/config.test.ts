import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configStore } from '../../src/wasi/config.ts';
import { logging } from '../../src/wasi/logging.ts';
import { maxContextLength, maxLineBytes } from '../../src/wasi/log-lines.ts';
import { callable } from './support.ts';

test('config answers from the values in force, and nothing inherited', () => {
  let values = new Map([['greeting', 'hello']]);
  const { get, getAll } = callable(configStore(() => values));
  assert.equal(get!('greeting'), 'hello');
  assert.equal(get!('constructor'), undefined);
  assert.equal(get!('__proto__'), undefined);
  values = new Map([['greeting', 'bonjour']]);
  assert.deepEqual(getAll!(), [['greeting', 'bonjour']]);
});

test('log lines are cut', () => {
  const written: string[][] = [];
  const { log } = callable(logging((...line) => written.push(line)));
  log!('warn', 'ctx', 'message');
  log!('error', 'c'.repeat(1000), 'm'.repeat(100_000));
  assert.deepEqual(written[0], ['warn', 'ctx', 'message']);
  assert.equal(written[1]![1]!.length, maxContextLength + 1);
  assert.equal(written[1]![2]!.length, maxLineBytes + 1);
});
