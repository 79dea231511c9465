import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '@muster/lattice';
import { createLatticeState } from '../../src/state/lattice-state.ts';
import type { LatticeState } from '../../src/state/lattice-state.ts';
import { memoryBucket } from '../support/bucket.ts';
import { settle } from '../support/clock.ts';
import { recordingLogger } from '../support/logger.ts';

const link = (name: string, target = 't'): Link => ({
  source_id: 's',
  target,
  name,
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['x'],
  source_config: [],
  target_config: [],
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function rig() {
  const buckets = { lattice: memoryBucket(), config: memoryBucket() };
  const counts = { changes: 0, lost: 0 };
  const logger = recordingLogger();
  const make = (): LatticeState =>
    createLatticeState({
      onChange: () => {
        counts.changes += 1;
      },
      onLost: () => {
        counts.lost += 1;
      },
      logger,
    });
  return { buckets, counts, logger, make };
}

test('what others wrote before and after is known', async () => {
  const { buckets, make } = rig();
  await buckets.config.put('before', bytes('{"a":"1"}'));
  const state = make();
  await state.attach(buckets);
  assert.deepEqual({ ...state.config('before') }, { a: '1' });
  await buckets.config.put('after', bytes('{"b":"2"}'));
  await settle();
  assert.deepEqual({ ...state.config('after') }, { b: '2' });
  await buckets.config.purge('before');
  await settle();
  assert.equal(state.config('before'), undefined);
});

test('links that one host puts at the same time never come in the way of each other', async () => {
  const { buckets, make } = rig();
  const state = make();
  await state.attach(buckets);
  let conflicts = 0;
  const { compareAndSet } = buckets.lattice;
  buckets.lattice.compareAndSet = async (...wanted) => {
    const revision = await compareAndSet(...wanted);
    conflicts += revision === undefined ? 1 : 0;
    return revision;
  };
  await Promise.all(Array.from({ length: 30 }, (_, at) => state.putLink(link(`n${at}`))));
  assert.equal(state.links().length, 30);
  assert.equal(conflicts, 0);
});

test('links that several hosts put at the same time are all kept', async () => {
  const { buckets, make } = rig();
  const states = [make(), make(), make()];
  await Promise.all(states.map((state) => state.attach(buckets)));
  await Promise.all(
    Array.from({ length: 12 }, (_, at) => (states[at % 3] as LatticeState).putLink(link(`n${at}`))),
  );
  await settle();
  for (const state of states) {
    assert.equal(state.links().length, 12);
  }
});

test('a writer between read and write is noticed and its link survives', async () => {
  const { buckets, make } = rig();
  const [mine, other] = [make(), make()];
  await mine.attach(buckets);
  await other.attach(buckets);
  buckets.lattice.beforeSet = async () => {
    buckets.lattice.beforeSet = undefined;
    await other.putLink(link('theirs'));
  };
  await mine.putLink(link('mine'));
  assert.deepEqual(
    mine.links().map(({ name }) => name),
    ['theirs', 'mine'],
  );
});

test('a writer that never rests ends in ERR_HOST_STATE_CONFLICT', async () => {
  const { buckets, make } = rig();
  const state = make();
  await state.attach(buckets);
  buckets.lattice.beforeSet = async () => {
    await buckets.lattice.put('COMPONENT_s', bytes('{"url":"x","links":[]}'));
  };
  await assert.rejects(state.putLink(link('mine')), { code: 'ERR_HOST_STATE_CONFLICT' });
});

test('starting a component keeps links that were put before, and fills in the reference once', async () => {
  const { buckets, make } = rig();
  const state = make();
  await state.attach(buckets);
  await state.putLink(link('early'));
  await state.recordComponent('s', 'file:///one.wasm');
  await state.recordComponent('s', 'file:///two.wasm');
  const spec = (): unknown =>
    JSON.parse(new TextDecoder().decode(buckets.lattice.entries.get('COMPONENT_s')?.value));
  assert.deepEqual(spec(), { url: 'file:///one.wasm', links: [link('early')] });
  await state.recordComponent('s', 'file:///two.wasm', { isUpdate: true });
  assert.deepEqual(spec(), { url: 'file:///two.wasm', links: [link('early')] });
});

test('a deleted spec can be written again', async () => {
  const { buckets, make } = rig();
  const state = make();
  await state.attach(buckets);
  await state.putLink(link('one'));
  await buckets.lattice.purge('COMPONENT_s');
  await state.putLink(link('two'));
  assert.deepEqual(
    state.links().map(({ name }) => name),
    ['two'],
  );
});

test('values that are not ours are skipped and logged, others stay readable', async () => {
  const { buckets, logger, make } = rig();
  await buckets.lattice.put('COMPONENT_bad', bytes('{"url":1}'));
  await buckets.lattice.put('CLAIMS_M', bytes('whatever'));
  await buckets.lattice.put('COMPONENT_good', bytes(JSON.stringify({ url: 'u', links: [link('ok')] })));
  await buckets.config.put('broken', bytes('{"a":1}'));
  const state = make();
  await state.attach(buckets);
  assert.deepEqual(
    state.links().map(({ name }) => name),
    ['ok'],
  );
  assert.equal(state.config('broken'), undefined);
  assert.deepEqual(
    new Set(logger.lines.map(({ message, fields }) => `${message}: ${String(fields['key'])}`)),
    new Set(['lattice state skipped: COMPONENT_bad', 'lattice state skipped: broken']),
  );
});

test('reading again after a loss forgets what is gone, also from a bucket that was made anew', async () => {
  const { buckets, counts, make } = rig();
  const state = make();
  await state.attach(buckets);
  for (let at = 0; at < 5; at += 1) {
    await state.putConfig('kept', bytes(`{"a":"${at}"}`));
  }
  await state.putConfig('gone', bytes('{}'));
  buckets.config.breakWatches();
  assert.equal(counts.lost, 1);
  const anew = { lattice: memoryBucket(), config: memoryBucket() };
  await anew.config.put('kept', bytes('{"a":"new"}'));
  await state.attach(anew);
  assert.deepEqual({ ...state.config('kept') }, { a: 'new' });
  assert.equal(state.config('gone'), undefined);
});

test('a detached state answers from memory and refuses to write', async () => {
  const { buckets, make } = rig();
  const state = make();
  await state.attach(buckets);
  await state.putConfig('a', bytes('{"k":"v"}'));
  state.detach();
  assert.deepEqual({ ...state.config('a') }, { k: 'v' });
  await assert.rejects(state.putConfig('a', bytes('{}')), { code: 'ERR_HOST_NOT_CONNECTED' });
  await assert.rejects(state.putLink(link('x')), { code: 'ERR_HOST_NOT_CONNECTED' });
  assert.equal(await state.fetchConfig('unknown'), undefined);
});

test('a watch that breaks before it is complete fails the attach', async () => {
  const { buckets, make } = rig();
  const state = make();
  const attaching = state.attach(buckets);
  buckets.lattice.breakWatches();
  buckets.config.breakWatches();
  await assert.rejects(attaching, { code: 'ERR_HOST_STATE_FAILED' });
});

test('a connection lost while reading does not leave the reader waiting', async () => {
  const { buckets, make } = rig();
  const state = make();
  const attaching = state.attach(buckets);
  state.detach();
  await assert.rejects(attaching, { code: 'ERR_HOST_STATE_FAILED' });
});

test('a config another host just wrote is found although the watch has not told yet', async () => {
  const { buckets, make } = rig();
  const state = make();
  await state.attach({
    ...buckets,
    config: {
      ...buckets.config,
      watch: async (handlers) => {
        handlers.onReady();
        return { stop() {} };
      },
    },
  });
  await buckets.config.put('fresh', bytes('{"a":"1"}'));
  assert.equal(state.config('fresh'), undefined);
  assert.deepEqual({ ...(await state.fetchConfig('fresh')) }, { a: '1' });
});
