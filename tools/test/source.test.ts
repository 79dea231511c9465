import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { importsOf, lineAt, withoutComments, withoutText } from '../source.ts';

suite('importsOf', () => {
  const specifiers = (code: string): string[] => importsOf(code).map(({ specifier }) => specifier);

  test('finds every form of import', () => {
    const code = `
import a from 'a';
import { b,
  type B } from "b";
import 'c';
export { d } from 'd';
export * from 'e';
const f = await import('f');
import * as g from 'g';`;
    assert.deepEqual(specifiers(code), ['a', 'b', 'c', 'd', 'e', 'g', 'f']);
  });

  test('tells types and dynamic ones apart', () => {
    const [type, value, dynamic, inType] = importsOf(
      "import type { A } from 'a';\nimport { B } from 'b';\nawait import('c');\ntype D = Array<import('d').D>;",
    );
    assert.deepEqual(
      [type, value, dynamic, inType].map((found) => [found?.isType, found?.isDynamic, found?.line]),
      [
        [true, false, 1],
        [false, false, 2],
        [false, true, 3],
        [true, true, 4],
      ],
    );
  });

  test('does not see imports in comments or texts', () => {
    assert.deepEqual(specifiers("// import 'a';\n/* import 'b'; */\nconst text = \"import 'c'\";"), []);
  });

  test('does not join an export with a later import', () => {
    assert.deepEqual(specifiers("export const a = 1;\nimport { b } from 'b';"), ['b']);
  });
});

suite('views of code', () => {
  test('blanking keeps every place', () => {
    const code = "const a = 'x'; // y\n/* z\n*/ const b = `t${a}u`;\n";
    for (const view of [withoutComments, withoutText]) {
      assert.equal(view(code).length, code.length);
      assert.equal(view(code).split('\n').length, code.split('\n').length);
    }
  });

  test('withoutComments keeps texts, also those that look like comments', () => {
    assert.equal(withoutComments("const a = 'http://x'; // gone"), "const a = 'http://x';        ");
  });

  test('withoutText keeps code inside templates', () => {
    assert.equal(withoutText("f(`a${eval('1')}`, /re'/, 'b')").includes('eval'), true);
    assert.equal(withoutText("f('eval(1)', /eval(1)/)").includes('eval'), false);
  });

  test('a quote in a regular expression opens no text', () => {
    assert.equal(withoutText('const re = /[\'"]/; export default a;').includes('export default'), true);
  });

  test('lineAt counts from one', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((index) => lineAt('a\nb\n', index)),
      [1, 1, 2, 2],
    );
  });
});
