import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Link } from '@muster/lattice';
import { addLink, removeLink } from '../../src/state/links.ts';

export const link = (change: Partial<Link> = {}): Link => ({
  source_id: 'a',
  target: 'b',
  name: 'default',
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['x'],
  source_config: [],
  target_config: [],
  ...change,
});

const linkOf = fc.record({
  target: fc.constantFrom('b', 'c'),
  name: fc.constantFrom('default', 'other'),
  wit_package: fc.constantFrom('http', 'keyvalue'),
  interfaces: fc.subarray(['x', 'y', 'z'], { minLength: 1 }),
  source_config: fc.subarray(['one', 'two']),
});

test('the same link again replaces interfaces and configs', () => {
  const changed = link({ interfaces: ['y'], source_config: ['c'] });
  assert.deepEqual(addLink([link()], changed), { links: [changed] });
});

test('another target with a common interface is a conflict, without one it is another link', () => {
  assert.deepEqual(addLink([link({ interfaces: ['x', 'y'] })], link({ target: 'c', interfaces: ['y'] })), {
    conflict: true,
  });
  const second = link({ target: 'c', interfaces: ['z'] });
  assert.deepEqual(addLink([link()], second), { links: [link(), second] });
});

test('no sequence of puts gives one interface of one name two targets, and none loses another link', () => {
  fc.assert(
    fc.property(fc.array(linkOf, { maxLength: 12 }), (puts) => {
      let links: readonly Link[] = [];
      for (const put of puts) {
        const before = links;
        const result = addLink(links, link(put));
        if ('links' in result) {
          ({ links } = result);
          assert.equal(links.filter((other) => !before.includes(other)).length <= 1, true);
          assert.equal(links.length >= before.length, true);
        }
      }
      const owners = new Map<string, string>();
      for (const { name, wit_package: pack, interfaces, target } of links) {
        for (const item of interfaces) {
          const key = `${name} ${pack} ${item}`;
          assert.equal(owners.get(key) ?? target, target);
          owners.set(key, target);
        }
      }
    }),
  );
});

test('removing takes the first match and leaves the rest in order', () => {
  const links = [link({ target: 'b' }), link({ name: 'other' }), link({ target: 'c', interfaces: ['z'] })];
  const { links: rest, removed } = removeLink(links, link());
  assert.equal(removed, links[0]);
  assert.deepEqual(rest, links.slice(1));
  assert.deepEqual(removeLink(rest, link({ wit_package: 'none' })), { links: rest, removed: undefined });
});
