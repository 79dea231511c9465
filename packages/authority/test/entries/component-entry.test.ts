import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  COMPONENT_SELECTOR_KINDS,
  componentFacts,
  isComponentEntry,
  isServableComponentEntry,
} from '../../src/entries/component-entry.ts';
import type { RegistrationEntry } from '../../src/entries/registration-entry.ts';

const complete = COMPONENT_SELECTOR_KINDS.map((kind) => ({ type: 'wasm', value: `${kind}:x` }));

function entry(selectors: RegistrationEntry['selectors']): RegistrationEntry {
  return { spiffe_id: 'spiffe://td/a', parent_id: 'spiffe://td/p', selectors };
}

describe('component entries', () => {
  it('are those with any wasm selector', () => {
    assert.equal(isComponentEntry(entry([{ type: 'unix', value: 'uid:1' }])), false);
    assert.equal(
      isComponentEntry(
        entry([
          { type: 'unix', value: 'uid:1' },
          { type: 'wasm', value: 'app:x' },
        ]),
      ),
      true,
    );
  });

  it('are servable when complete, pure and unambiguous', () => {
    assert.equal(isServableComponentEntry(entry(complete)), true);
    assert.equal(
      isServableComponentEntry(entry([...complete, { type: 'wasm', value: 'image-ref:y' }])),
      true,
    );
    assert.equal(isServableComponentEntry(entry([...complete, { type: 'wasm', value: 'app:y' }])), false);
    assert.equal(isServableComponentEntry(entry([...complete, { type: 'unix', value: 'uid:1' }])), false);
    for (const missing of complete) {
      assert.equal(isServableComponentEntry(entry(complete.filter((item) => item !== missing))), false);
    }
  });

  it('keep everything behind the first colon as the value of a fact', () => {
    assert.deepEqual(componentFacts([{ type: 'wasm', value: 'host-id:spiffe://td/h' }], 'host-id'), [
      'spiffe://td/h',
    ]);
    assert.deepEqual(componentFacts([{ type: 'wasm', value: 'host-identity:x' }], 'host-id'), []);
    assert.deepEqual(componentFacts([{ type: 'unix', value: 'host-id:x' }], 'host-id'), []);
  });
});
