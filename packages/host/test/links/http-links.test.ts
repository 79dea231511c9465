import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '@muster/lattice';
import { wantedListeners } from '../../src/links/http-links.ts';

const link = (change: Partial<Link> = {}): Link => ({
  source_id: 'http-server',
  target: 'web',
  name: 'default',
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['incoming-handler'],
  source_config: ['front'],
  target_config: [],
  ...change,
});

const configs: Record<string, Record<string, string>> = {
  front: { address: '127.0.0.1:8000' },
  other: { address: '127.0.0.1:9000' },
  empty: {},
};

const wanted = (links: readonly Link[], running = ['web', 'api']) =>
  wantedListeners(
    links,
    (id) => running.includes(id),
    (name) => configs[name],
  );

test('a link from http-server to a running component wants a listener', () => {
  assert.deepEqual(
    [...wanted([link()]).wanted.values()],
    [{ address: '127.0.0.1:8000', target: 'web', link: 'default' }],
  );
});

for (const [name, change] of [
  ['another source', { source_id: 'other' }],
  ['another package', { wit_package: 'keyvalue' }],
  ['another namespace', { wit_namespace: 'acme' }],
  ['another interface', { interfaces: ['outgoing-handler'] }],
  ['a target that does not run here', { target: 'elsewhere' }],
] as const) {
  test(`${name} wants nothing and is not wrong`, () => {
    const result = wanted([link(change)]);
    assert.deepEqual([result.wanted.size, result.unusable], [0, []]);
  });
}

test('the rightmost config with an address decides', () => {
  assert.deepEqual(
    [...wanted([link({ source_config: ['front', 'other', 'empty', 'nosuch'] })]).wanted.keys()],
    ['127.0.0.1:9000'],
  );
});

test('no address, a secret and a second taker are reasons', () => {
  const { wanted: taken, unusable } = wanted([
    link({ target: 'web' }),
    link({ target: 'api' }),
    link({ target: 'web', name: 'none', source_config: ['empty'] }),
    link({ target: 'web', name: 'secret', source_config: ['front', 'SECRET_x'] }),
  ]);
  assert.deepEqual(
    [...taken.values()].map(({ target }) => target),
    ['api'],
  );
  assert.deepEqual(
    unusable.map(({ link: name, reason }) => [name, reason]),
    [
      ['default', 'address wanted twice'],
      ['none', 'no address'],
      ['secret', 'secret in config'],
    ],
  );
});

test('who gets an address does not depend on the order of the links', () => {
  const links = [link({ target: 'web' }), link({ target: 'api' }), link({ target: 'api', name: 'a' })];
  const owner = (list: readonly Link[]) =>
    [...wanted(list).wanted.values()].map(({ target, link: name }) => [target, name]);
  assert.deepEqual(owner(links), owner(links.toReversed()));
});
