import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { arrows, findForbiddenArrows } from '../check-arrows.ts';
import { root } from '../source.ts';

function problemsOf(path: string, text: string, dependencies: Record<string, string> = {}): string[] {
  const name = path.split('/')[1] ?? '';
  const manifest = { path: `packages/${name}/package.json`, text: JSON.stringify({ dependencies }) };
  return findForbiddenArrows([manifest, { path, text }]).map(({ message }) => message);
}

suite('arrows', () => {
  test('every package is in the table', () => {
    assert.deepEqual(Object.keys(arrows).toSorted(), readdirSync(join(root, 'packages')).toSorted());
  });

  test('the table has no circle', () => {
    const below = (name: string, path: readonly string[]): void => {
      assert.ok(!path.includes(name), [...path, name].join(' -> '));
      for (const next of arrows[name] ?? []) below(next, [...path, name]);
    };
    for (const name of Object.keys(arrows)) below(name, []);
  });

  const forbidden: [path: string, specifier: string, reason: RegExp][] = [
    ['packages/spiffe/src/a.ts', '@muster/lattice', /never sees NATS/],
    ['packages/spiffe/src/a.ts', '@nats-io/transport-node', /never sees NATS/],
    ['packages/runtime/src/a.ts', '@muster/spiffe', /never sees the network or an identity/],
    ['packages/runtime/src/a.ts', 'node:net', /never sees the network/],
    ['packages/runtime/src/worker/a.ts', 'node:http', /never sees the network/],
    ['packages/host/src/a.ts', '@muster/callout', /services never import services/],
    ['packages/callout/src/a.ts', '@muster/authority/wire', /services never import services/],
    ['packages/lattice/src/a.ts', '@muster/host', /does not know who speaks/],
    ['packages/host/src/a.ts', '@muster/testing', /only tests/],
    ['packages/providers/src/a.ts', '@muster/runtime', /only a host/],
    ['packages/nats-server/src/a.ts', '@muster/lattice', /must not depend/],
    ['packages/host/src/a.ts', '@muster/nats-server', /not in the table/],
    ['packages/lattice/src/a.ts', '../../spiffe/src/index.ts', /leaves the package/],
    ['packages/lattice/src/a.ts', 'left-pad', /does not list/],
    ['packages/cli/src/main.ts', '@muster/host', /by import\(\)/],
    ['integration/01-story/a.test.ts', '../../packages/host/src/host.ts', /public entry points/],
    ['benchmarks/a.ts', '@muster/host/src/host.ts', /public entry points/],
  ];
  for (const [path, specifier, reason] of forbidden) {
    test(`${path} may not import ${specifier}`, () => {
      const problems = problemsOf(path, `import { a } from '${specifier}';`, { '@muster/spiffe': '1' });
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', reason);
    });
  }

  const permitted: [path: string, code: string][] = [
    ['packages/lattice/src/a.ts', "import { a } from '@muster/spiffe';"],
    ['packages/lattice/src/rpc/a.ts', "import { a } from '../nkey.ts';"],
    ['packages/host/test/a.test.ts', "import { a } from '@muster/testing';"],
    ['packages/spiffe/src/a.ts', "import { connect } from 'node:net';"],
    ['packages/cli/src/commands/host/run.ts', "const { startHost } = await import('@muster/host');"],
    ['packages/cli/src/commands/dev/parts.ts', "const { a } = await import('@muster/nats-server');"],
    ['packages/cli/src/any.ts', "import type { Host } from '@muster/host';"],
    ['integration/01-story/a.test.ts', "import { a } from '@muster/lattice';"],
  ];
  for (const [path, code] of permitted) {
    test(`${path} may say ${code}`, () => {
      const dependencies = { '@muster/spiffe': '1', '@muster/host': '1', '@muster/nats-server': '1' };
      assert.deepEqual(problemsOf(path, code, dependencies), []);
    });
  }

  test('a part is loaded only by the commands of its own noun', () => {
    const [problem] = problemsOf(
      'packages/cli/src/commands/component/list.ts',
      "await import('@muster/host');",
      {
        '@muster/host': '1',
      },
    );
    assert.match(problem ?? '', /own noun/);
  });

  test('a problem carries its line', () => {
    const [problem] = findForbiddenArrows([
      { path: 'packages/spiffe/src/a.ts', text: "\n\nimport '@muster/host';" },
    ]);
    assert.equal(problem?.line, 3);
  });
});
