import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { TrustDomain } from '@muster/spiffe';
import { EntryStore } from '../../src/entries/entry-store.ts';
import type { RegistrationEntry, Selector } from '../../src/entries/registration-entry.ts';
import { isContained, selectorKey, selectorKeys } from '../../src/entries/selector.ts';

const TD = TrustDomain.parse('muster.internal');
const PARENT = 'spiffe://muster.internal/authority';

function entry(
  path: string,
  selectors: readonly string[],
  more: Partial<RegistrationEntry> = {},
): RegistrationEntry {
  return {
    spiffe_id: `spiffe://muster.internal${path}`,
    parent_id: PARENT,
    selectors: selectors.map((text) => {
      const [type = '', ...value] = text.split(':');
      return { type, value: value.join(':') };
    }),
    ...more,
  };
}

function createStore(now = 1_000_000): { store: EntryStore; time: { now: number } } {
  const time = { now };
  return { store: new EntryStore(TD, () => time.now), time };
}

describe('EntryStore', () => {
  it('creates, lists by id, updates with a higher revision, and deletes', () => {
    const { store } = createStore();
    store.create(entry('/b', ['a:1'], { id: 'b' }));
    const made = store.create(entry('/a', ['a:1'], { id: 'a' }));
    assert.equal(made.created_at, 1000);
    assert.deepEqual(
      store.list().map(({ id }) => id),
      ['a', 'b'],
    );
    const updated = store.update(entry('/c', ['a:2'], { id: 'a', created_at: 7 }));
    assert.equal(updated.revision_number, 1);
    assert.equal(updated.created_at, 1000, 'age is not for the caller to change');
    store.delete('a');
    assert.equal(store.size, 1);
    assert.equal(store.revision, 4);
  });

  it('makes an id where none is given', () => {
    const { store } = createStore();
    assert.match(store.create(entry('/a', ['a:1'])).id, /^[0-9a-f-]{36}$/);
  });

  it('refuses doubles and unknown ids', () => {
    const { store } = createStore();
    store.create(entry('/a', ['a:1', 'a:2'], { id: 'a' }));
    assert.throws(() => store.create(entry('/b', ['a:1'], { id: 'a' })), { code: 'ERR_ENTRY_EXISTS' });
    assert.throws(() => store.create(entry('/a', ['a:2', 'a:1'])), { code: 'ERR_ENTRY_EXISTS' });
    store.create(entry('/b', ['a:1'], { id: 'b' }));
    assert.throws(() => store.update(entry('/a', ['a:1', 'a:2'], { id: 'b' })), { code: 'ERR_ENTRY_EXISTS' });
    assert.throws(() => store.update(entry('/a', ['a:1'], { id: 'x' })), { code: 'ERR_ENTRY_NOT_FOUND' });
    assert.throws(() => store.delete('x'), { code: 'ERR_ENTRY_NOT_FOUND' });
    assert.throws(() => store.delete('__proto__'), { code: 'ERR_ENTRY_NOT_FOUND' });
  });

  it('hands out entries that nobody can change', () => {
    const { store } = createStore();
    const made = store.create(entry('/a', ['a:1']));
    assert.throws(() => Object.assign(made, { admin: true }), TypeError);
    assert.throws(() => (made.selectors as Selector[]).push({ type: 'x', value: 'y' }), TypeError);
    assert.throws(() => Object.assign(made.selectors[0] ?? {}, { value: 'x' }), TypeError);
  });

  it('is not changed through the object that was given to it', () => {
    const { store } = createStore();
    const selectors = [{ type: 'a', value: '1' }];
    store.create({ ...entry('/a', []), selectors });
    selectors.push({ type: 'b', value: '2' });
    assert.equal(store.list()[0]?.selectors.length, 1);
  });

  it('leaves out expired entries from the very moment', () => {
    const { store, time } = createStore(10_000);
    store.create(entry('/a', ['a:1'], { expires_at: 20 }));
    assert.equal(store.match(new Set(['a:1'])).length, 1);
    time.now = 19_999;
    assert.equal(store.match(new Set(['a:1'])).length, 1);
    time.now = 20_000;
    assert.equal(store.match(new Set(['a:1'])).length, 0);
  });

  it('tells listeners of each change until they end it', () => {
    const { store } = createStore();
    let changes = 0;
    const end = store.onChange(() => {
      changes += 1;
    });
    store.create(entry('/a', ['a:1'], { id: 'a' }));
    assert.throws(() => store.create(entry('/a', ['a:1'], { id: 'a' })));
    store.update(entry('/b', ['a:1'], { id: 'a' }));
    store.delete('a');
    end();
    store.create(entry('/a', ['a:1']));
    assert.equal(changes, 3);
  });

  it('knows which kinds of selectors any entry uses', () => {
    const { store } = createStore();
    store.create(entry('/a', ['unix:sha256:ab', 'unix:uid:1'], { id: 'a' }));
    store.create(entry('/b', ['unix:sha256:cd'], { id: 'b' }));
    assert.equal(store.usesSelector('unix', 'sha256:'), true);
    store.delete('a');
    assert.equal(store.usesSelector('unix', 'sha256:'), true);
    assert.equal(store.usesSelector('unix', 'uid:'), false);
    store.update(entry('/b', ['unix:gid:1'], { id: 'b' }));
    assert.equal(store.usesSelector('unix', 'sha256:'), false);
  });

  it('keeps the oldest of each hint', () => {
    const { store } = createStore();
    store.create(entry('/young', ['a:1'], { id: 'a', hint: 'h', created_at: 20 }));
    store.create(entry('/old', ['a:1'], { id: 'b', hint: 'h', created_at: 10 }));
    store.create(entry('/none-1', ['a:1'], { id: 'c' }));
    store.create(entry('/none-2', ['a:1'], { id: 'd' }));
    store.create(entry('/first', ['a:1'], { id: 'z', hint: 'same', created_at: 5 }));
    store.create(entry('/second', ['a:1'], { id: 'e', hint: 'same', created_at: 5 }));
    const kept = store.withUniqueHints(store.match(new Set(['a:1']))).map(({ id }) => id);
    assert.deepEqual(kept, ['b', 'c', 'd', 'z']);
    store.update(entry('/renewed', ['a:1'], { id: 'z', hint: 'same' }));
    assert.ok(
      store.withUniqueHints(store.match(new Set(['a:1']))).some(({ id }) => id === 'z'),
      'an update keeps its age',
    );
  });
});

describe('matching', () => {
  const text = fc.constantFrom('a:1', 'a:2', 'b:1', 'b:2', 'c:x:y', 'c:x');
  const set = fc.uniqueArray(text, { minLength: 1, maxLength: 6 });

  it('finds exactly the entries whose selectors are all there', () => {
    const operation = fc.record({
      index: fc.nat(7),
      action: fc.constantFrom('put' as const, 'delete' as const),
      selectors: set,
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), set, (operations, present) => {
        const { store } = createStore();
        const model = new Map<string, readonly string[]>();
        for (const { index, action, selectors } of operations) {
          const id = `e${index}`;
          if (action === 'delete') {
            if (model.delete(id)) store.delete(id);
          } else if (model.has(id)) {
            store.update(entry(`/${id}`, selectors, { id }));
            model.set(id, selectors);
          } else {
            store.create(entry(`/${id}`, selectors, { id }));
            model.set(id, selectors);
          }
        }
        const expected = [...model]
          .filter(([, selectors]) => selectors.every((selector) => new Set<string>(present).has(selector)))
          .map(([id]) => id)
          .sort();
        assert.deepEqual(
          store.match(new Set(present)).map(({ id }) => id),
          expected,
        );
      }),
    );
  });

  it('grows with what is present and shrinks with what is wanted', () => {
    fc.assert(
      fc.property(set, set, (wanted, present) => {
        const selectors = entry('/a', wanted).selectors;
        const isIn = isContained(selectors, new Set(present));
        if (isIn) assert.ok(isContained(selectors, new Set([...present, 'z:1'])));
        else assert.ok(!isContained([...selectors, { type: 'z', value: '1' }], new Set(present)));
      }),
    );
  });

  it('matches nobody without selectors', () => {
    assert.equal(isContained([], new Set(['a:1'])), false);
  });

  it('does not confuse types and values', () => {
    const part = fc.stringMatching(/^[a-z:]{1,4}$/);
    const type = fc.stringMatching(/^[a-z]{1,4}$/);
    const selector = fc.record({ type, value: part });
    fc.assert(
      fc.property(selector, selector, (one, other) => {
        const isSame = one.type === other.type && one.value === other.value;
        assert.equal(selectorKey(one) === selectorKey(other), isSame);
        assert.equal(selectorKeys([one, other]).size, isSame ? 1 : 2);
      }),
    );
  });
});
