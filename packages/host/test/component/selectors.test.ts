import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applicationOf, componentSelectors } from '../../src/component/selectors.ts';

const facts = {
  digest: 'sha256:00',
  componentId: 'web',
  lattice: 'default',
  hostId: 'spiffe://muster.internal/lattice/default/host/a',
  annotations: { 'wasmcloud.dev/appspec': 'shop', other: 'x' },
};

test('a component is told by digest, id, lattice, host and application', () => {
  assert.deepEqual(
    componentSelectors(facts).map(({ type, value }) => `${type}:${value}`),
    [
      'wasm:component-digest:sha256:00',
      'wasm:component-id:web',
      'wasm:lattice:default',
      'wasm:host-id:spiffe://muster.internal/lattice/default/host/a',
      'wasm:app:shop',
    ],
  );
});

for (const app of ['', 'a b', 'a\nb', 'a/b', '../x', 'ä', 'a'.repeat(129), 'x\0']) {
  test(`${JSON.stringify(app.slice(0, 9))} is no application, so no selector says so (A25)`, () => {
    const annotations = { 'wasmcloud.dev/appspec': app };
    assert.equal(applicationOf(annotations), undefined);
    assert.equal(
      componentSelectors({ ...facts, annotations }).some(({ value }) => value.startsWith('app:')),
      false,
    );
  });
}

test('no other annotation becomes a selector, and no prototype does', () => {
  assert.equal(applicationOf({ 'component-id': 'other' }), undefined);
  assert.equal(
    applicationOf(Object.create({ 'wasmcloud.dev/appspec': 'shop' }) as Record<string, string>),
    undefined,
  );
});
