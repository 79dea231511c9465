import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { examplesOf, exampleProblems, problemsFrom } from '../page-examples.ts';

const page = (code: string): { path: string; text: string }[] => [
  { path: 'docs/a.md', text: `# A\n\n\`\`\`ts\n${code}\`\`\`\n\n\`\`\`sh\nnpm test\n\`\`\`\n` },
];

suite('examples in pages', () => {
  test('only TypeScript is taken, with its place', () => {
    assert.deepEqual(examplesOf(page('one;\ntwo;\n')), [
      { path: 'docs/a.md', line: 3, code: 'one;\ntwo;\n' },
    ]);
  });

  test('messages of the compiler are put where the example stands', () => {
    const output = "0.ts(2,7): error TS2322: Type 'x' is wrong.\nother line\n";
    assert.deepEqual(problemsFrom(output, examplesOf(page('one;\ntwo;\n'))), [
      { path: 'docs/a.md', line: 5, message: "example does not compile: Type 'x' is wrong." },
    ]);
  });

  test('names that an example leaves open are no problem', () => {
    const output = "0.ts(1,1): error TS2304: Cannot find name 'keys'.\n0.ts(1,1): error TS18004: No value.\n";
    assert.deepEqual(problemsFrom(output, examplesOf(page('keys;\n'))), []);
  });

  test('a real example is held to the packages', async () => {
    const good = "import { SpiffeId } from '@muster/spiffe';\nSpiffeId.parse(anything).toString();\n";
    const bad = "import { SpiffeId } from '@muster/spiffe';\nSpiffeId.guess('spiffe://a/b');\n";
    assert.deepEqual(await exampleProblems([...page(good)]), []);
    const [problem, ...others] = await exampleProblems([...page(good), ...page(bad)]);
    assert.equal(others.length, 0);
    assert.equal(problem?.line, 5);
    assert.match(problem.message, /guess/);
  });
});
