import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaitScope, Wakers } from '../../src/wasi/wait.ts';

test('a suspension ends with its first answer and cleans up once', async () => {
  const scope = new WaitScope();
  let cleanups = 0;
  const waiting = scope.suspend<number>((resolve) => {
    queueMicrotask(() => {
      resolve(1);
      resolve(2);
    });
    return () => (cleanups += 1);
  });
  assert.equal(scope.size, 1);
  assert.equal(await waiting, 1);
  assert.equal(cleanups, 1);
  assert.equal(scope.size, 0);
});

test('an answer given at once still cleans up', async () => {
  let cleanups = 0;
  const waiting = new WaitScope().suspend<string>((resolve) => {
    resolve('now');
    return () => (cleanups += 1);
  });
  assert.equal(await waiting, 'now');
  assert.equal(cleanups, 1);
});

test('abort ends every suspension, and every later one', async () => {
  const scope = new WaitScope();
  const wakers = new Wakers();
  const source = { isReady: () => false, onReady: (wake: () => void) => wakers.add(wake) };
  const both = [scope.untilReady(source), scope.untilReady(source)];
  scope.abort(new Error('cancelled'));
  scope.abort(new Error('too late'));
  for (const each of both) await assert.rejects(each, /cancelled/);
  await assert.rejects(scope.untilReady(source), /cancelled/);
  wakers.wake();
  assert.equal(scope.size, 0);
});

test('a waker that is taken out is not called', () => {
  const wakers = new Wakers();
  const called: string[] = [];
  wakers.add(() => called.push('kept'));
  wakers.add(() => called.push('removed'))();
  wakers.wake();
  wakers.wake();
  assert.deepEqual(called, ['kept']);
});
