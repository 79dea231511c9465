import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { commentProblems, hiddenTypeProblems } from '../api-comments.ts';
import { readDeclarations, readReexports } from '../api-declarations.ts';
import { apiPage, readExports } from '../api-page.ts';

const text = `import type { Clock } from './clock.js';
/** Options; see {@link fetchIt}. */
export interface FetchOptions<B extends {
    readonly a: string;
}> extends Base {
    /** In ms, braces { and ; do not matter. Default 5. */
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal;
    onError?(error: Error, retryInMs: number | undefined): void;
    readonly nested: {
        readonly one: 'a;b{';
    };
}
/** First.
 * Still first.
 *
 * Second. */
export declare function fetchIt(options: {
    readonly deep: string;
}): Promise<FetchOptions<Hidden>>;
export declare function fetchIt(text: string): Promise<void>;
export declare class Thing extends Hidden {
    #private;
    /** Throws. */
    static parse(text: string): Thing;
    private constructor();
    get size(): number;
    [Symbol.iterator](): IterableIterator<string>;
}
/** Nobody sees it. */
declare class Hidden {
}
export type Choice = {
    readonly a: 1;
} | {
    readonly b: 2;
};
export declare const TABLE: {
    readonly A: "it's; {fine";
};
export {};
`;

suite('declarations', () => {
  const found = readDeclarations(text);

  test('each is found, exported or not', () => {
    assert.deepEqual(
      found.map(({ kind, name, isExported }) => [kind, name, isExported]),
      [
        ['interface', 'FetchOptions', true],
        ['function', 'fetchIt', true],
        ['class', 'Thing', true],
        ['class', 'Hidden', false],
        ['type', 'Choice', true],
        ['const', 'TABLE', true],
      ],
    );
  });

  test('comments are running text, and belong to what follows them', () => {
    assert.equal(found[0]?.comment, 'Options; see `fetchIt`.');
    assert.equal(found[1]?.comment, 'First. Still first.\n\nSecond.');
    assert.equal(found[2]?.comment, '');
    assert.equal(found[3]?.comment, 'Nobody sees it.');
  });

  test('members are those of the body, not of a type parameter', () => {
    assert.deepEqual(
      found[0]?.members.map(({ name, comment }) => [name, comment]),
      [
        ['timeoutMs', 'In ms, braces { and ; do not matter. Default 5.'],
        ['signal', ''],
        ['onError', ''],
        ['nested', ''],
      ],
    );
    assert.deepEqual(
      found[2]?.members.map(({ name }) => name),
      ['', 'parse', 'constructor', 'size', '[Symbol.iterator]'],
    );
  });

  test('overloads are one declaration', () => {
    assert.equal(found[1]?.code.match(/fetchIt/g)?.length, 2);
  });

  test('what a module passes on is known by the name it passes on', () => {
    assert.deepEqual(
      readReexports(`export { A, type B, C as D, } from './a.js';\nexport type { E } from "./e.js";\n`),
      [
        { name: 'A', from: './a.js' },
        { name: 'B', from: './a.js' },
        { name: 'D', from: './a.js' },
        { name: 'E', from: './e.js' },
      ],
    );
  });
});

suite('page of an API', () => {
  const entries = new Map([['@muster/x', 'index.d.ts']]);
  const declarations = new Map([
    [
      'index.d.ts',
      `export { Thing, fetchIt, TABLE } from './tls/a.js';\nexport type { FetchOptions } from './tls/a.js';`,
    ],
    ['tls/a.d.ts', text],
  ]);

  test('every exported name has a place, and the list leads to it', () => {
    const page = apiPage({ folder: 'x', symbols: readExports(entries, declarations) });
    for (const name of ['Thing', 'fetchIt', 'TABLE']) {
      assert.ok(page.includes(`[\`${name}\`](#${name.toLowerCase()})`), name);
      assert.ok(page.includes(`<a id="${name.toLowerCase()}"></a>`), name);
    }
    assert.ok(page.includes('<a id="fetchoptions-type"></a>'));
    assert.ok(page.includes('## TLS (`@muster/x`)'));
    assert.ok(!page.includes('#private') && !page.includes('declare '));
    assert.match(page, /\/\/ not exported:\nclass Hidden/);
  });

  test('a name that a module passes on stands where it is declared', () => {
    const chained = new Map([
      ...declarations,
      ['index.d.ts', `export { Thing } from './between.js';`],
      ['between.d.ts', `export { Thing } from './tls/a.js';`],
    ]);
    assert.deepEqual(
      readExports(entries, chained).map(({ name, module }) => [name, module]),
      [['Thing', 'tls/a']],
    );
  });

  test('a name that is exported but declared nowhere is an error', () => {
    const broken = new Map([...declarations, ['index.d.ts', `export { Absent } from './tls/a.js';`]]);
    assert.throws(() => readExports(entries, broken), /Absent/);
  });
});

suite('comments of exported symbols', () => {
  function problemsOf(code: string): string[] {
    const names = readDeclarations(code).map(({ name }) => name);
    const declarations = new Map([
      ['index.d.ts', `export { ${names.join(', ')} } from './a.js';`],
      ['a.d.ts', code],
      ['b.d.ts', 'export interface Unseen {\n}\n'],
    ]);
    const symbols = readExports(new Map([['@muster/x', 'index.d.ts']]), declarations);
    const api = { folder: 'x', symbols, declarations };
    const problems = [...commentProblems(api), ...hiddenTypeProblems(api)];
    assert.ok(problems.every(({ path }) => path === 'packages/x/src/a.ts'));
    return problems.map(({ message }) => message);
  }

  for (const [what, code, wanted] of [
    ['no comment', 'export declare const A: string;', /A has no comment/],
    ['no errors', '/** Reads. */\nexport declare function a(): void;', /a does not say what it throws/],
    [
      'no unit',
      '/** Some. */\nexport interface A {\n    /** How long. */\n    readonly restMs: number;\n}',
      /A\.restMs .* in ms/,
    ],
    [
      'no epoch',
      '/** Some. */\nexport interface A {\n    /** When. */\n    readonly endsAt: number;\n}',
      /A\.endsAt .* epoch/,
    ],
    [
      'no default',
      '/** Some. */\nexport interface AOptions {\n    /** In ms. */\n    readonly restMs?: number | undefined;\n}',
      /AOptions\.restMs .* default/,
    ],
    [
      'option without a comment',
      '/** Some. */\nexport interface AOptions {\n    readonly a: string;\n}',
      /AOptions\.a has no comment/,
    ],
    [
      'factory without errors',
      '/** Some. */\nexport declare class A {\n    /** Reads. */\n    static parse(text: string): A;\n}',
      /A\.parse does not say/,
    ],
    [
      'asynchronous method without errors',
      '/** Some. */\nexport declare class A {\n    /** Reads. */\n    read(): Promise<string>;\n}',
      /A\.read does not say/,
    ],
    [
      'type that cannot be named',
      '/** Some. Never throws. */\nexport declare function a(b: Unseen): void;',
      /a names the type Unseen/,
    ],
  ] as const) {
    test(`${what}: is a problem`, () => {
      const problems = problemsOf(code);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', wanted);
    });
  }

  for (const [what, code] of [
    ['errors named', '/** Throws SpiffeError `ERR_TIMEOUT`. */\nexport declare function a(): void;'],
    ['nothing thrown', '/** Never throws. */\nexport declare function a(): void;'],
    [
      'errors at the top',
      '/** All methods throw `ERR_CLOSED`. */\nexport declare class A {\n    read(): Promise<string>;\n}',
    ],
    [
      'unit at the top',
      '/** Instants are in ms since the epoch. */\nexport interface A {\n    readonly endsAt: number;\n}',
    ],
    [
      'default at the top',
      '/** `restMs` is in ms. Default 5. */\nexport interface AOptions {\n    readonly restMs?: number | undefined;\n}',
    ],
    ['close needs no words', '/** Some. */\nexport declare class A {\n    close(): Promise<void>;\n}'],
  ] as const) {
    test(`${what}: is fine`, () => assert.deepEqual(problemsOf(code), []));
  }
});
