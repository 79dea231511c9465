import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findProblems, rules } from '../check-house.ts';
import type { SourceFile } from '../source.ts';

function broken(rule: string, ...files: SourceFile[]): number {
  const found = rules.find(({ name }) => name === rule);
  assert.ok(found, `no rule ${rule}`);
  return found.check(files).length;
}

const source = (text: string, path = 'packages/lattice/src/a.ts'): SourceFile => ({ path, text });

suite('rules of the house', () => {
  test('names are unique and each has a reason', () => {
    assert.equal(new Set(rules.map(({ name }) => name)).size, rules.length);
    assert.ok(rules.every(({ reason }) => reason.length > 20));
  });

  const lines: [rule: string, bad: string, good: string][] = [
    ['exports', "export * from './b.ts';", "export { b } from './b.ts';"],
    ['exports', 'export default 1;', "export const text = 'export default';"],
    ['subjects', "const subject = 'wasmbus.ctl.v1';", "const type = 'com.wasmcloud.lattice.host_started';"],
    ['subjects', 'const subject = `$SYS.REQ.${id}`;', "const schema = 'muster.audit.v1';"],
    ['tls', 'connect({ rejectUnauthorized: false });', 'connect({ rejectUnauthorized: true });'],
    ['tls', 'server.rejectUnauthorized = false;', 'const is = rejectUnauthorized === false;'],
    ['tls', "server['rejectUnauthorized'] = !1;", 'server.rejectUnauthorized = true;'],
    ['tls', "env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';", '// rejectUnauthorized: false is never right'],
    ['generated code', "new Function('return 1');", "const text = 'new Function()';"],
    ['generated code', "eval('1');", "policy.eval('1');"],
    ['run path', "import { parse } from '@bytecodealliance/jco';", '// not @bytecodealliance/jco'],
    ['words', '// see registry.example.org/x', '// the registry of components'],
    ['words', '// as in /root/project', '// 5/root'],
    ['errors', 'class A extends Error {}', 'class A extends LatticeError {}'],
  ];
  for (const [rule, bad, good] of lines) {
    test(`${rule}: ${bad}`, () => {
      assert.equal(broken(rule, source(bad)), 1);
      assert.equal(broken(rule, source(good)), 0);
    });
  }

  test('subjects may stand in their own file and in tests', () => {
    const text = "const subject = 'wasmbus.ctl.v1';";
    assert.equal(broken('subjects', source(text, 'packages/lattice/src/subjects.ts')), 0);
    assert.equal(broken('subjects', source(text, 'packages/lattice/test/subjects.test.ts')), 0);
  });

  test('tls: one line of one file may stand, once', () => {
    const line = 'door.rejectUnauthorized = false;';
    const guard = 'packages/spiffe/src/tls/guard.ts';
    assert.equal(broken('tls', source(line, guard)), 0);
    assert.equal(broken('tls', source(`${line}\n${line}`, guard)), 1);
    assert.equal(broken('tls', source('connect({ rejectUnauthorized: false });', guard)), 1);
    assert.equal(broken('tls', source(line, 'packages/spiffe/src/tls/options.ts')), 1);
  });

  test('a test that runs alone is found in tests only', () => {
    const text = "test.only('a', () => {});";
    assert.equal(broken('only', source(text, 'packages/lattice/test/a.test.ts')), 1);
    assert.equal(broken('only', source("test('a', { only: true }, run);", 'integration/01-a/a.test.ts')), 1);
    assert.equal(broken('only', source(text)), 0);
  });

  test('folders: a drawer is found by folder and by file', () => {
    assert.equal(broken('folders', source('', 'packages/lattice/src/utils/a.ts')), 1);
    assert.equal(broken('folders', source('', 'packages/lattice/src/helpers.ts')), 1);
    assert.equal(broken('folders', source('', 'packages/lattice/src/utilization.ts')), 0);
  });

  test('sizes: one long file, a high median, a high ninetieth', () => {
    const file = (lines: number, name: string): SourceFile =>
      source('\n'.repeat(lines), `packages/a/src/${name}.ts`);
    assert.equal(broken('sizes', file(10, 'a'), file(20, 'b'), file(420, 'c')), 0);
    assert.equal(broken('sizes', file(10, 'a'), file(20, 'b'), file(421, 'c')), 1);
    assert.equal(broken('sizes', file(121, 'a')), 1);
    assert.equal(broken('sizes', file(301, 'a'), file(301, 'b')), 2);
  });

  test('tests: four fifths of the lines of source at least, fakes and guests counted', () => {
    const lines = (count: number, path: string): SourceFile => source('\n'.repeat(count), path);
    const tests = lines(8, 'packages/lattice/test/a.test.ts');
    assert.equal(broken('tests', lines(10, 'packages/lattice/src/a.ts'), tests), 0);
    assert.equal(broken('tests', lines(11, 'packages/lattice/src/a.ts'), tests), 1);
    assert.equal(
      broken('tests', lines(20, 'packages/lattice/src/a.ts'), tests, lines(8, 'packages/testing/src/a.ts')),
      0,
    );
    assert.equal(
      broken('tests', lines(20, 'packages/lattice/src/a.ts'), tests, lines(8, 'packages/lattice/test/a.wat')),
      0,
    );
    assert.equal(
      broken(
        'tests',
        lines(20, 'packages/lattice/src/a.ts'),
        tests,
        lines(8, 'packages/lattice/test/a.json'),
      ),
      1,
    );
  });

  test('errors: one class, one table', () => {
    const table = 'export const A_ERRORS = {};\nexport class AError extends Error {}\n';
    const more = [source('', 'packages/a/src/b.ts'), source('', 'packages/a/src/c.ts')];
    const file = (text: string): SourceFile => source(text, 'packages/a/src/errors.ts');
    assert.equal(broken('errors', file(table), ...more), 0);
    assert.equal(broken('errors', file(`${table}class B extends TypeError {}`), ...more), 1);
    assert.equal(broken('errors', file('export class AError extends Error {}'), ...more), 1);
    assert.equal(broken('errors', source('', 'packages/a/src/d.ts'), ...more), 1, 'no errors.ts at all');
  });

  test('five things: none missing, one more at most', () => {
    const paths = [
      'package.json',
      'tsconfig.json',
      'README.md',
      'src/index.ts',
      'test/a.test.ts',
      'wit/a.wit',
    ];
    const files = paths.map((path) => source('', `packages/a/${path}`));
    assert.equal(broken('five things', ...files), 0);
    assert.equal(broken('five things', ...files.slice(1)), 1);
    assert.equal(broken('five things', ...files, source('', 'packages/a/notes.txt')), 1);
  });

  test('readmes: guarantees, dependencies, one page', () => {
    const manifest = source('{"dependencies":{"@muster/spiffe":"1","koffi":"3"}}', 'packages/a/package.json');
    const readme = (text: string): SourceFile => source(text, 'packages/a/README.md');
    assert.equal(
      broken('readmes', manifest, readme('Guarantees: none. `spiffe` for SVIDs, koffi for prctl.')),
      0,
    );
    assert.equal(broken('readmes', manifest, readme('Guarantees: none.')), 2);
    assert.equal(broken('readmes', manifest, readme('@muster/spiffe koffi')), 1);
    assert.equal(broken('readmes', manifest, readme(`guarantee @muster/spiffe koffi${'\n'.repeat(81)}`)), 1);
  });

  test('the reason is printed once per rule', () => {
    const problems = findProblems([source('export default 1;\nexport default 2;\n')]);
    const reasons = problems.filter(
      ({ message }) => message.startsWith('exports') && message.includes('because'),
    );
    assert.equal(reasons.length, 1);
  });
});
