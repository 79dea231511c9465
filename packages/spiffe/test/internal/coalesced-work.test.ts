import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CoalescedWork } from '../../src/internal/coalesced-work.ts';

/** Work whose runs end when the test says so. */
function createWork(): { readonly work: CoalescedWork; readonly ends: (() => void)[] } {
  const ends: (() => void)[] = [];
  const work = new CoalescedWork(
    async () =>
      await new Promise<void>((resolve) => {
        ends.push(resolve);
      }),
  );
  return { work, ends };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('what is asked for while it runs is run once more, however often it was asked', async () => {
  const { work, ends } = createWork();
  work.request();
  work.request();
  work.request();
  assert.equal(ends.length, 1);
  ends[0]?.();
  await settle();
  assert.equal(ends.length, 2);
  ends[1]?.();
  await settle();
  assert.equal(ends.length, 2);
  work.request();
  assert.equal(ends.length, 3);
  ends[2]?.();
});

test('closing waits for what runs, and nothing runs after it', async () => {
  const { work, ends } = createWork();
  work.request();
  work.request();
  let isClosed = false;
  const closing = work.close().then(() => {
    isClosed = true;
  });
  await settle();
  assert.equal(isClosed, false);
  ends[0]?.();
  await closing;
  work.request();
  await settle();
  assert.equal(ends.length, 1);
});

test('what is asked for during a first run follows it, and nothing follows one that fails', async () => {
  const good = createWork();
  const first = Promise.withResolvers<void>();
  const begun = good.work.first(first.promise);
  good.work.request();
  assert.equal(good.ends.length, 0);
  first.resolve();
  await begun;
  await settle();
  assert.equal(good.ends.length, 1);
  assert.equal(good.work.isClosed, false);
  good.ends[0]?.();

  const bad = createWork();
  const failed = bad.work.first(Promise.reject(new Error('no')));
  bad.work.request();
  await assert.rejects(failed, { message: 'no' });
  await settle();
  bad.work.request();
  assert.equal(bad.ends.length, 0);
  assert.equal(bad.work.isClosed, true);
});
