import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readExports } from '../api-page.ts';
import { goExports, ourNameProblems, readMapping, theirNameProblems } from '../go-spiffe-page.ts';

const page = `# Page

## What behaves in another way

| | go-spiffe | here |
|---|---|---|
| \`a\` | b | \`Absent\` |

## spiffeid

| go-spiffe | here |
|---|---|
| \`ID\`, \`ID.MemberOf\` | \`Thing\` and \`Thing.parse\`, the option \`restMs\` |
| \`Matcher\` | \`Child.size\`, of \`@muster/x/wire\` |

## What is not there

| package | names | why |
|---|---|---|
| \`spiffeid\` | \`Old\` | it is old |
| \`proto\` | everything generated | it is generated |
`;

const declarations = new Map([
  ['index.d.ts', `export { Thing, Child } from './a.js';\nexport type { ThingOptions } from './a.js';`],
  [
    'a.d.ts',
    `export declare class Thing extends Base {
    static parse(text: string): Thing;
}
declare class Base {
    get size(): number;
}
export declare class Child extends Thing {
}
export interface ThingOptions {
    readonly restMs?: number;
}
`,
  ],
]);
const symbols = readExports(new Map([['@muster/x', 'index.d.ts']]), declarations);

suite('page for those who come from go-spiffe', () => {
  test('rows are read with their package', () => {
    assert.deepEqual(
      readMapping(page).map(({ goPackage, theirs, ours }) => [goPackage, theirs, ours]),
      [
        ['spiffeid', ['ID', 'ID.MemberOf'], ['Thing', 'Thing.parse', 'restMs']],
        ['spiffeid', ['Matcher'], ['Child.size', '@muster/x/wire']],
        ['spiffeid', ['Old'], []],
        ['proto', [], []],
      ],
    );
  });

  test('names of ours are exported symbols, their members, inherited ones too, and options', () => {
    assert.deepEqual(ourNameProblems(page, symbols), []);
    for (const wrong of ['Thin', 'Thing.parsed', 'Child.length', 'restedMs']) {
      const [problem, ...more] = ourNameProblems(page.replace('`Thing`', `\`${wrong}\``), symbols);
      assert.match(problem?.message ?? '', new RegExp(wrong.replace('.', '\\.')));
      assert.equal(problem?.line, 13);
      assert.deepEqual(more, []);
    }
  });

  test('each name of theirs has a place, and none is invented', () => {
    const there = new Map([
      ['spiffeid', new Set(['ID', 'Matcher', 'Old'])],
      ['proto', new Set(['Generated'])],
    ]);
    assert.deepEqual(theirNameProblems(page, there), []);
    there.get('spiffeid')?.add('New');
    there.set('workloadapi', new Set(['Client']));
    there.get('spiffeid')?.delete('Matcher');
    assert.deepEqual(
      theirNameProblems(page, there).map(({ message }) => message),
      [
        'does not say where spiffeid.New is',
        'does not say where workloadapi.Client is',
        'names spiffeid.Matcher, which go-spiffe does not have',
      ],
    );
  });

  test('exported identifiers of Go are those at the top level', () => {
    const code = `package a
// func Commented() {}
func Free(a int) error {
	var Local = 1
}
func (m *Method) Do() {}
func private() {}
type Kind struct {
	Field int
}
type Alias[T any] = Kind
const (
	One = 1
	two = 2
)
var (
	Three, four = 3, 4
)
const Five = 5
`;
    assert.deepEqual(goExports(code), ['Free', 'Kind', 'Alias', 'Five', 'One', 'Three']);
  });
});
