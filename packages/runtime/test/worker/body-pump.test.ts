import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { BodyPump } from '../../src/worker/body-pump.ts';

interface Seen {
  pump: BodyPump;
  sent: number[];
  ends: unknown[];
}

function pumpOf(body: AsyncIterable<Uint8Array>, limit = 1e9): Seen {
  const sent: number[] = [];
  const ends: unknown[] = [];
  const pump = new BodyPump(body, limit, {
    chunk: (bytes) => sent.push(bytes.length),
    end: (failure) => ends.push(failure),
  });
  return { pump, sent, ends };
}

async function* chunks(...lengths: number[]): AsyncGenerator<Uint8Array> {
  for (const length of lengths) yield await Promise.resolve(new Uint8Array(length));
}

test('nothing is read before the first credit', async () => {
  const { pump, sent, ends } = pumpOf(chunks(10, 20));
  await setImmediate();
  assert.deepEqual(sent, []);
  assert.equal(pump.isStarted, false);
  pump.credit(1000);
  await setImmediate();
  assert.deepEqual(sent, [10, 20]);
  assert.deepEqual(ends, [undefined]);
});

test('it stops where the credit ends and goes on with more', async () => {
  const { pump, sent, ends } = pumpOf(chunks(100, 100, 100));
  pump.credit(150);
  await setImmediate();
  assert.deepEqual(sent, [100, 100]);
  pump.credit(100);
  await setImmediate();
  assert.deepEqual(sent, [100, 100, 100]);
  assert.deepEqual(ends, [undefined]);
});

test('a huge chunk leaves in pieces', async () => {
  const { pump, sent } = pumpOf(chunks(200_000));
  pump.credit(1e6);
  await setImmediate();
  assert.deepEqual(sent, [65_536, 65_536, 65_536, 3392]);
});

test('a body over the limit ends with its size', async () => {
  const { pump, sent, ends } = pumpOf(chunks(60, 60), 100);
  pump.credit(1e6);
  await setImmediate();
  assert.deepEqual(sent, [60]);
  assert.deepEqual(ends, ['size']);
});

test('a body that breaks off ends as aborted', async () => {
  const { pump, ends } = pumpOf(
    (async function* () {
      yield await Promise.resolve(new Uint8Array(1));
      throw new Error('client gone');
    })(),
  );
  pump.credit(1e6);
  await setImmediate();
  assert.deepEqual(ends, ['aborted']);
});

test('when nobody reads on, the source is closed and no end is told', async () => {
  let isClosed = false;
  const { pump, ends } = pumpOf(
    (async function* () {
      try {
        for (;;) yield await Promise.resolve(new Uint8Array(10));
      } finally {
        isClosed = true;
      }
    })(),
  );
  pump.credit(15);
  await setImmediate();
  pump.credit(-1);
  await setImmediate();
  assert.equal(isClosed, true);
  assert.deepEqual(ends, []);
});
