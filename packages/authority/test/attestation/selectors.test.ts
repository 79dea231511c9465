import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kinshipSelectors, unixSelectors } from '../../src/attestation/selectors.ts';
import { parseNames } from '../../src/attestation/account-names.ts';

const FACTS = { pid: 1, parentPid: 0, startTime: '1', uid: 1000, gid: 100, groups: [100, 27] };

describe('unixSelectors', () => {
  it('spells every fact as SPIRE does', () => {
    const names = {
      user: (uid: number) => (uid === 1000 ? 'ada' : undefined),
      group: (gid: number) => (gid === 100 ? 'users' : undefined),
    };
    const executable = { path: '/usr/bin/node', identity: '1:2', sha256: 'ab' };
    const values = unixSelectors(FACTS, names, executable).map(({ type, value }) => `${type}:${value}`);
    assert.deepEqual(values.sort(), [
      'unix:gid:100',
      'unix:group:users',
      'unix:path:/usr/bin/node',
      'unix:sha256:ab',
      'unix:supplementary_gid:100',
      'unix:supplementary_gid:27',
      'unix:supplementary_group:users',
      'unix:uid:1000',
      'unix:user:ada',
    ]);
  });

  it('leaves out what is not known', () => {
    const names = { user: () => undefined, group: () => undefined };
    const values = unixSelectors({ ...FACTS, groups: [] }, names, undefined).map(({ value }) => value);
    assert.deepEqual(values.sort(), ['gid:100', 'uid:1000']);
  });
});

describe('kinshipSelectors', () => {
  const values = (kinship: Parameters<typeof kinshipSelectors>[0]): readonly string[] =>
    kinshipSelectors(kinship).map(({ value }) => value);

  it('calls a process external only if it is known to be no descendant', () => {
    assert.deepEqual(values({ isSelf: false, isDescendant: false, childNames: [] }), ['external']);
    assert.deepEqual(values({ isSelf: false, isDescendant: true, childNames: [] }), []);
    assert.deepEqual(values({ isSelf: false, isDescendant: undefined, childNames: [] }), []);
  });

  it('never calls the authority or a child external', () => {
    assert.deepEqual(values({ isSelf: true, isDescendant: false, childNames: [] }), ['self']);
    assert.deepEqual(values({ isSelf: false, isDescendant: false, childNames: ['host'] }), ['child:host']);
  });
});

describe('parseNames', () => {
  it('takes the first name of an id and skips broken lines', () => {
    const names = parseNames(
      'root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0\n\n# no\nada:x:1000:1000\nbad:x:-1:0\n:x:5:\n',
    );
    assert.deepEqual(
      [...names],
      [
        [0, 'root'],
        [1000, 'ada'],
      ],
    );
  });
});
