import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchMergedConfig, mergeConfig } from '../../src/component/config.ts';

const configs: Record<string, Record<string, string>> = {
  one: { a: '1', b: '1' },
  two: { b: '2' },
  proto: { __proto__x: 'y' },
};

test('the rightmost name wins', async () => {
  const merged = await fetchMergedConfig(['one', 'two'], async (name) => configs[name]);
  assert.deepEqual({ ...merged }, { a: '1', b: '2' });
  assert.equal(Object.getPrototypeOf(merged), null);
  assert.deepEqual({ ...mergeConfig(['two', 'one'], (name) => configs[name]) }, { a: '1', b: '1' });
});

test('a name that is not there fails in the words of v1 at the start, and counts as empty later', async () => {
  await assert.rejects(
    fetchMergedConfig(['one', 'nosuch'], async (name) => configs[name]),
    {
      code: 'ERR_COMPONENT_CONFIG_NOT_FOUND',
      message: 'Unable to fetch requested config: Config nosuch does not exist',
    },
  );
  assert.deepEqual({ ...mergeConfig(['nosuch', 'two'], (name) => configs[name]) }, { b: '2' });
});

test('a secret is refused before anything is fetched for it', async () => {
  const asked: string[] = [];
  await assert.rejects(
    fetchMergedConfig(['SECRET_db'], async (name) => {
      asked.push(name);
      return {};
    }),
    { code: 'ERR_COMPONENT_SECRET_UNSUPPORTED' },
  );
  assert.deepEqual(asked, []);
});
