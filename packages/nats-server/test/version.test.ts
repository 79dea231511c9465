import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { isAtLeast, MINIMUM_VERSION, parseVersion, PINNED_VERSION, readVersion } from '../src/version.ts';
import { fakeServer, scratchDir, writeScript } from './scratch.ts';

describe('parseVersion', () => {
  for (const [text, wanted] of [
    ['nats-server: v2.15.1\n', '2.15.1'],
    ['nats-server: v2.16.0-RC.3', '2.16.0-RC.3'],
    ['2.9.10', '2.9.10'],
    ['nats-server: vdev', undefined],
    ['2.15.1 of something', undefined],
    ['', undefined],
  ] as const) {
    it(`reads ${JSON.stringify(text)}`, () => assert.equal(parseVersion(text), wanted));
  }
});

describe('isAtLeast', () => {
  for (const [version, minimum, wanted] of [
    ['2.15.1', '2.15.1', true],
    ['2.15.10', '2.15.2', true],
    ['3.0.0', '2.15.1', true],
    ['2.15.0', '2.15.1', false],
    ['2.9.99', '2.15.1', false],
    ['2.15.1-beta.1', '2.15.1', false],
    ['2.15.2-beta.1', '2.15.1', true],
  ] as const) {
    it(`${version} >= ${minimum}: ${String(wanted)}`, () =>
      assert.equal(isAtLeast(version, minimum), wanted));
  }

  it('is a total order on releases', () => {
    const version = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(version, version, (a, b) => {
        assert.ok(isAtLeast(a, b) || isAtLeast(b, a));
        if (isAtLeast(a, b) && isAtLeast(b, a)) assert.equal(a, b);
      }),
    );
  });

  it('holds for what is installed', () => assert.ok(isAtLeast(PINNED_VERSION, MINIMUM_VERSION)));
});

describe('readVersion', () => {
  it('reads what the program prints', async (t) => {
    const path = await writeScript(join(await scratchDir(t), 'nats-server'), fakeServer('2.15.1'));
    assert.deepEqual(await readVersion(path), { version: '2.15.1' });
  });

  it('names the reason when it cannot', async (t) => {
    const folder = await scratchDir(t);
    assert.deepEqual(await readVersion(join(folder, 'absent')), { problem: 'there is no such file' });
    await writeFile(join(folder, 'plain'), 'x');
    assert.deepEqual(await readVersion(join(folder, 'plain')), { problem: 'it is not an executable file' });
    await writeFile(join(folder, 'noise'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 2, 3]), { mode: 0o755 });
    assert.ok('problem' in (await readVersion(join(folder, 'noise'))));
    const failing = await writeScript(join(folder, 'failing'), 'exit 3');
    assert.deepEqual(await readVersion(failing), { problem: 'it ended with exit code 3' });
    const silent = await writeScript(join(folder, 'silent'), 'echo hello');
    assert.deepEqual(await readVersion(silent), { problem: 'it does not print a version' });
  });
});
