import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cachedServerDir, defaultCacheDir } from '../src/cache.ts';

describe('the cache folder', () => {
  const ofUser = join(homedir(), '.cache', 'muster');

  for (const [env, wanted] of [
    [{ XDG_CACHE_HOME: '/c', HOME: '/h' }, '/c/muster'],
    [{ HOME: '/h' }, '/h/.cache/muster'],
    [{ XDG_CACHE_HOME: '', HOME: '/h' }, '/h/.cache/muster'],
    [{ XDG_CACHE_HOME: 'relative', HOME: '/h' }, '/h/.cache/muster'],
    [{ HOME: '' }, ofUser],
    [{}, ofUser],
  ] as const) {
    it(`is ${wanted} with ${JSON.stringify(env)}`, () => assert.equal(defaultCacheDir(env), wanted));
  }

  it('keeps versions apart', () => {
    assert.equal(cachedServerDir('/c/muster', '1.2.3'), '/c/muster/nats-server/1.2.3');
  });
});
