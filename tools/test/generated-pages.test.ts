import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventNames } from '@muster/lattice';
import type { AuditCatalogue } from '@muster/lattice';
import { commands } from '../../packages/cli/src/commands/index.ts';
import { ENVIRONMENT } from '../../packages/cli/src/environment.ts';
import { configurationPage } from '../configuration-page.ts';
import { eventsPage } from '../events-page.ts';
import { generateDocs } from '../generate-docs.ts';
import { json, table } from '../markdown.ts';

const pages = await generateDocs();
const loaded = await Promise.all(commands.map(async (entry) => [entry, await entry.load()] as const));

suite('configuration page', () => {
  const page = pages.get('docs/configuration.md') ?? '';

  test('has a section for every command with a row for every option', () => {
    for (const [{ name }, { options }] of loaded) {
      const section = page.split(`### muster ${name}`)[1]?.split('\n### ')[0] ?? '';
      const rows = [...section.matchAll(/^\| `--([a-z0-9-]+)`/gm)].map((match) => match[1]);
      assert.deepEqual(rows, Object.keys(options), name);
    }
  });

  test('has a row for every variable', () => {
    for (const name of Object.keys(ENVIRONMENT)) assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'));
  });

  test('says what is needed, what is taken, and what holds otherwise', () => {
    const entry = { name: 'a run', summary: 'Run it', load: () => assert.fail() };
    const made = configurationPage({
      commands: [
        [
          entry,
          {
            options: {
              port: { value: 'PORT', short: 'p', range: [1, 2], default: '1', help: 'Port' },
              file: { value: 'FILE', isRequired: true, help: 'File' },
              kind: { value: 'NAME', choices: ['x', 'y'], isMultiple: true, help: 'Kind' },
              api: { value: 'ADDRESS', variable: 'MUSTER_API', help: 'Api' },
              fast: { help: 'Fast' },
            },
            run: () => Promise.resolve(0),
          },
        ],
      ],
      environment: {},
      defaultRules: {},
    });
    assert.deepEqual(made.match(/^\| `--.*$/gm), [
      '| `--port`, `-p` | `PORT`, 1 to 2 | `1` | Port. |',
      '| `--file` | `FILE` | needed | File. |',
      '| `--kind` | `NAME`, `x` or `y`, may be repeated | none | Kind. |',
      '| `--api` | `ADDRESS` | `MUSTER_API`, or else needed | Api. |',
      '| `--fast` | none | off | Fast. |',
    ]);
    assert.ok(!made.includes('| `DURATION` |'), 'values that no option takes are left out');
  });
});

suite('events page', () => {
  const page = pages.get('docs/events.md') ?? '';

  test('has a section with subject, type and an example for every event', () => {
    for (const name of eventNames) {
      const section = page.split(`### ${name}\n`)[1]?.split('\n### ')[0] ?? '';
      assert.ok(section.includes(`\`wasmbus.evt.<lattice>.${name}\``), name);
      assert.ok(section.includes(`"type": "com.wasmcloud.lattice.${name}"`), name);
    }
  });

  test('names the subjects of audit records and what the records of each kind hold', () => {
    for (const service of ['callout', 'host'])
      assert.ok(page.includes(`\`muster.audit.<lattice>.${service}\``));
    assert.match(page, /^\| `details.userExpiresAt` \| .* \(integer\) \|$/m);
    assert.match(page, /^\| `details.delegate` \| .* \(text, may be absent\) \|$/m);
  });

  test('cannot be made when an event has no example', () => {
    const none: AuditCatalogue = {};
    const catalogues = { callout: none, host: none, authority: none };
    assert.throws(() => eventsPage({ events: {}, audit: {} }, catalogues), /host_started has no example/);
  });
});

suite('pieces of pages', () => {
  test('a cell cannot break its table', () => {
    assert.equal(table(['a'], [['x|y\nz']]), '| a |\n|---|\n| x\\|y z |\n');
  });

  test('JSON stands in one line where it fits, but for the outermost object', () => {
    const long = 'x'.repeat(100);
    const value = { a: [1, { b: null }], c: { d: long, e: 1 }, f: [], g: {} };
    assert.deepEqual(JSON.parse(json(value)), value);
    assert.equal(
      json(value),
      `{\n  "a": [1, { "b": null }],\n  "c": {\n    "d": "${long}",\n    "e": 1\n  },\n  "f": [],\n  "g": {}\n}`,
    );
  });
});
