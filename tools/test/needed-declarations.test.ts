import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { neededDeclarations } from '../needed-declarations.ts';

const declarations = new Map([
  [
    'index.d.ts',
    `export { Thing, type Kind } from './a/thing.js';\nexport { passed } from './between.js';\nexport type { Gone } from './a/thing.js';\n`,
  ],
  [
    'a/thing.d.ts',
    `import type { Server } from 'node:net';
import net from 'node:net';
import type { Used, Unused } from '../b.js';
import { type Other as Renamed } from '../b.js';
/** A thing. */
export declare class Thing extends Base {
    /** Of a kind. */
    kind(): Kind;
    rest(): import('../c.js').Inline;
}
/** Not exported, but named. */
declare class Base {
    used: Used;
    readonly text: 'Unnamed';
}
export type Kind = 'a' | Renamed;
export interface Gone {
    readonly socket: net.Socket;
}
/** Exported for other files only. */
export interface Unnamed {
    readonly server: Server;
}
export declare function helper(): Unused;
`,
  ],
  [
    'b.d.ts',
    `export interface Used {\n}\nexport interface Unused {\n}\nexport interface Other {\n}\nexport {};\n`,
  ],
  ['between.d.ts', `export { passed, notPassed } from './c.js';\n`],
  [
    'c.d.ts',
    `export declare const passed: string;\nexport declare const notPassed: string;\nexport interface Inline {\n}\n`,
  ],
  ['internal.d.ts', `import type { Used } from './b.js';\nexport declare const internal: Used;\n`],
]);

suite('needed declarations', () => {
  const needed = neededDeclarations(['index.d.ts'], declarations);

  test('files that no entry point leads to are left out', () => {
    assert.deepEqual([...needed.keys()].toSorted(), [
      'a/thing.d.ts',
      'b.d.ts',
      'between.d.ts',
      'c.d.ts',
      'index.d.ts',
    ]);
  });

  test('what is exported stays with its comments, and so does what it names', () => {
    const thing = needed.get('a/thing.d.ts') ?? '';
    for (const kept of [
      '/** A thing. */',
      '/** Of a kind. */',
      'declare class Base',
      'export type Kind',
      'export interface Gone',
    ]) {
      assert.ok(thing.includes(kept), kept);
    }
    assert.ok(thing.endsWith('export {};\n'));
  });

  test('a name in a text is none', () => {
    assert.doesNotMatch(needed.get('a/thing.d.ts') ?? '', /interface Unnamed/);
  });

  test('nothing else stays, imports neither', () => {
    const thing = needed.get('a/thing.d.ts') ?? '';
    assert.doesNotMatch(thing, /helper|Unused|import type \{ Server/);
    assert.match(thing, /^import net from 'node:net';$/m);
    assert.match(thing, /^import type \{ Used \} from '\.\.\/b\.js';$/m);
    assert.match(thing, /^import \{ type Other as Renamed \} from '\.\.\/b\.js';$/m);
    assert.doesNotMatch(needed.get('b.d.ts') ?? '', /Unused/);
    assert.match(needed.get('b.d.ts') ?? '', /interface Other/);
  });

  test('names are followed through files that pass them on, and through imports within types', () => {
    assert.match(needed.get('between.d.ts') ?? '', /^export \{ passed \} from '\.\/c\.js';$/m);
    assert.match(needed.get('c.d.ts') ?? '', /const passed/);
    assert.match(needed.get('c.d.ts') ?? '', /interface Inline/);
    assert.doesNotMatch(needed.get('c.d.ts') ?? '', /notPassed/);
  });

  test('a name that is exported but not there is an error', () => {
    const broken = new Map([...declarations, ['between.d.ts', `export { passed } from './absent.js';\n`]]);
    assert.throws(
      () => neededDeclarations(['index.d.ts'], broken),
      /passed is not declared in absent\.d\.ts/,
    );
  });
});
