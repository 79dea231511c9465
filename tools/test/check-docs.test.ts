import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { codeProblems, pageProblems, staleProblems } from '../check-docs.ts';
import { errorsPage, generateDocs, readErrorTables } from '../generate-docs.ts';

const there = new Set(['README.md', 'docs/a.md', 'docs']);
function problemsOf(text: string, path = 'README.md'): string[] {
  const pages = [
    { path, text },
    { path: 'docs/a.md', text: '# A title, with `code`\n' },
  ];
  return pageProblems(pages, (wanted) => there.has(wanted)).map(({ message }) => message);
}

suite('pages', () => {
  test('relative links must lead somewhere', () => {
    assert.deepEqual(
      problemsOf('[a](docs/a.md) [b](./docs) [c](https://example.org/x) [d](#here)\n# Here\n'),
      [],
    );
    assert.match(problemsOf('[a](docs/b.md)')[0] ?? '', /not there/);
    assert.deepEqual(problemsOf('[a](a.md)\n', 'docs/b.md'), [], 'from its own folder');
  });

  test('a link to a heading needs the heading', () => {
    assert.deepEqual(problemsOf('[a](docs/a.md#a-title-with-code)'), []);
    assert.match(problemsOf('[a](docs/a.md#b)')[0] ?? '', /no such heading/);
  });

  test('what stands in code is no link', () => {
    assert.deepEqual(problemsOf('`[a](b.md)`\n```sh\n[a](b.md)\n```\n'), []);
  });

  test('code blocks name their language and are closed', () => {
    assert.deepEqual(problemsOf('```ts\n1\n```\n'), []);
    assert.match(problemsOf('```\n1\n```\n')[0] ?? '', /names no language/);
    assert.match(problemsOf('```sh\n')[0] ?? '', /not closed/);
  });

  test('places that AGENTS.md names are there', () => {
    assert.deepEqual(problemsOf('`docs/a.md` `docs/<name>` `a/b`\n', 'AGENTS.md'), []);
    assert.match(problemsOf('`docs/b.md`\n', 'AGENTS.md')[0] ?? '', /not there/);
    assert.deepEqual(problemsOf('`docs/b.md`\n'), []);
  });

  test('the first page is short', () => {
    assert.deepEqual(problemsOf('\n'.repeat(150)), []);
    assert.match(problemsOf('\n'.repeat(151))[0] ?? '', /at most 150/);
  });
});

suite('errors page', () => {
  const tables = [
    { package: 'a', errors: { ERR_B: 'Second | third.', ERR_A: 'First.' } },
    { package: 'b', errors: { ERR_C: 'Fourth.' } },
  ];

  test('lists every code of every package in order', () => {
    const page = errorsPage(tables);
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    assert.deepEqual(rows, [
      '| `ERR_A` | First. |',
      '| `ERR_B` | Second \\| third. |',
      '| `ERR_C` | Fourth. |',
    ]);
    assert.match(page, /3 codes/);
  });

  test('a difference is reported, equality is not', () => {
    const wanted = new Map([['docs/errors.md', 'new']]);
    assert.equal(staleProblems(wanted, [{ path: 'docs/errors.md', text: 'new' }]).length, 0);
    assert.equal(staleProblems(wanted, [{ path: 'docs/errors.md', text: 'old' }]).length, 1);
    assert.equal(staleProblems(wanted, []).length, 1);
  });

  test('one code has one meaning and one spelling', () => {
    assert.deepEqual(codeProblems(tables), []);
    assert.deepEqual(codeProblems([...tables, { package: 'c', errors: { ERR_A: 'First.' } }]), []);
    assert.equal(codeProblems([...tables, { package: 'c', errors: { ERR_A: 'Else.' } }]).length, 1);
    assert.equal(codeProblems([{ package: 'c', errors: { ERR_a: 'x', E_B: 'y', ERR__C: 'z' } }]).length, 3);
  });

  test('every code of the packages stands on the page', async () => {
    const page = (await generateDocs()).get('docs/errors.md') ?? '';
    const codes = (await readErrorTables()).flatMap(({ errors }) => Object.keys(errors));
    assert.ok(codes.length > 0);
    for (const code of codes) assert.ok(page.includes(`\`${code}\``), code);
  });
});
