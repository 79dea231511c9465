import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ENVIRONMENT } from '../../packages/cli/src/environment.ts';
import { readPackageSources } from '../check-docs.ts';
import { environmentProblems, environmentReads } from '../environment-reads.ts';

const path = 'packages/a/src/b.ts';

function readBy(text: string): string[] {
  return environmentReads([{ path, text }]).reads.map(({ name }) => name);
}

suite('variables that code reads', () => {
  for (const [code, names] of [
    ["process.env['MUSTER_A'] ?? ''", ['MUSTER_A']],
    ['process.env.MUSTER_A', ['MUSTER_A']],
    ["const a = io.env['MUSTER_A'], b = env?.['MUSTER_B'];", ['MUSTER_A', 'MUSTER_B']],
    ['env.MUSTER_A === undefined', ['MUSTER_A']],
    ['const { MUSTER_A: _a, MUSTER_B, ...rest } = env;', ['MUSTER_A', 'MUSTER_B']],
    ["const NAME = 'MUSTER_A';\nprocess.env[NAME]", ['MUSTER_A']],
    ['// process.env[\'MUSTER_A\']\nconst text = "env: the environment";', []],
    ["imports.env['memory']; env.memory", []],
  ] as const) {
    test(`${JSON.stringify(code)} reads ${names.join(' and ') || 'nothing'}`, () => {
      assert.deepEqual(readBy(code), names);
    });
  }

  test('a constant of another file counts', () => {
    const constant = { path: 'packages/a/src/c.ts', text: "export const NAME: string = 'MUSTER_A';" };
    const { reads, problems } = environmentReads([{ path, text: '\nenv[NAME]' }, constant]);
    assert.deepEqual([reads, problems], [[{ name: 'MUSTER_A', path, line: 2 }], []]);
  });

  test('a read by a name that is not known is a problem, unless it goes by the table', () => {
    const text = 'for (const name of names) use(env[name]);';
    assert.match(
      environmentReads([{ path, text }]).problems[0]?.message ?? '',
      /by "name": name the variable/,
    );
    const imports = "import { ENVIRONMENT } from '../../environment.ts';\n";
    assert.deepEqual(environmentReads([{ path, text: imports + text }]).problems, []);
  });
});

suite('the table of variables', () => {
  const listed = { MUSTER_A: { meaning: 'A.', otherwise: 'b' } };

  test('must hold what is read', () => {
    const text = "env['MUSTER_A']; env['MUSTER_B'];";
    const problems = environmentProblems(listed, [{ path, text }]);
    assert.deepEqual(
      problems.map((problem) => [problem.path, problem.line, problem.message]),
      [[path, 1, 'reads MUSTER_B, which packages/cli/src/environment.ts does not list']],
    );
  });

  test('holds nothing that nobody reads, but what others than the packages read', () => {
    assert.match(environmentProblems(listed, [])[0]?.message ?? '', /lists MUSTER_A, which no package reads/);
    const others = { MUSTER_A: { ...listed.MUSTER_A, reader: 'Node' } };
    assert.deepEqual(environmentProblems(others, []), []);
  });

  test('is right about the packages', () => {
    assert.deepEqual(environmentProblems(ENVIRONMENT, readPackageSources()), []);
    const { reads } = environmentReads(readPackageSources());
    assert.ok(reads.length > 10, 'the scan sees the reads that there are');
  });
});
