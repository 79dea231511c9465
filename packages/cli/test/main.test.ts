import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commands } from '../src/commands/index.ts';
import { CLI_ERRORS } from '../src/errors.ts';
import { runCommandLine } from '../src/main.ts';
import { createFakeIo } from './fake-io.ts';

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = createFakeIo();
  const code = await runCommandLine(words, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

describe('the command line', () => {
  it('prints its help on stdout when asked, on stderr when nothing was said', async () => {
    assert.match((await run('--help')).out, /^Usage: muster <command>/);
    assert.match((await run('help')).out, /muster connection list/);
    const nothing = await run();
    assert.deepEqual([nothing.code, nothing.out], [2, '']);
    assert.match(nothing.err, /^Usage: muster/);
  });

  it('prints its version', async () => assert.match((await run('--version')).out, /^\d+\.\d+\.\d+\n$/));

  it('has a help for every command that names every option', async () => {
    for (const entry of commands) {
      const { options, operand } = await entry.load();
      const { code, out } = await run(...entry.name.split(' '), '--help');
      assert.equal(code, 0);
      const word = operand === undefined ? '' : ` [${operand.name}]`;
      assert.ok(out.startsWith(`Usage: muster ${entry.name}${word} [options]\n\n${entry.summary}.\n`));
      if (operand !== undefined) assert.ok(out.includes(`\n  ${operand.name}  ${operand.help}\n`));
      for (const name of Object.keys(options))
        assert.ok(out.includes(` --${name}`), `${entry.name} --${name}`);
    }
  });

  it('names commands by a noun and a verb', () => {
    assert.deepEqual(
      commands.map(({ name }) => name).filter((name) => !/^[a-z]+ (run|list|prepare|verify)$/.test(name)),
      ['dev'],
    );
  });

  for (const [words, message] of [
    [['fly'], /^error ERR_USAGE: Unknown command "fly"\. Add --help/],
    [
      ['host'],
      /^error ERR_USAGE: What should be done with "host"\? Known are: muster host list, muster host prepare, muster host run\./,
    ],
    [['host', 'fly'], /^error ERR_USAGE: What should be done with "host"\?/],
    [['--fast'], /^error ERR_USAGE: Unknown option "--fast"/],
    [['host', 'list', '--fast'], /^error ERR_USAGE: Unknown option '--fast'/],
    [['host', 'list', 'extra'], /^error ERR_USAGE: Unexpected argument 'extra'/],
    [
      ['dev', '--http-port', '70000'],
      /^error ERR_USAGE: --http-port must be a whole number from 0 to 65535, not "70000"/,
    ],
    [['dev', '--x509-svid-ttl', 'soon'], /^error ERR_USAGE: --x509-svid-ttl must be a duration like 10s/],
    [['dev', '--lattice', ''], /^error ERR_USAGE: --lattice needs a value/],
    [['callout', 'run'], /^error ERR_USAGE: --keys-fd N is needed/],
    [['host', 'run', '--name', 'a'], /^error ERR_USAGE: --servers ADDRESS is needed/],
    [['host', 'list', '-o', 'xml'], /^error ERR_USAGE: --output must be table or json, not "xml"/],
    [
      ['host', 'run', '--name', 'a', '--servers', 'x'],
      /^error ERR_USAGE: --workload-api or SPIFFE_ENDPOINT_SOCKET is needed/,
    ],
  ] as [string[], RegExp][]) {
    it(`answers "muster ${words.join(' ')}" with one line and exit code 2`, async () => {
      const { code, out, err } = await run(...words);
      assert.deepEqual([code, out, err.split('\n').length], [2, '', 2]);
      assert.match(err, message);
    });
  }

  it('says what to do when no lattice runs', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const io = createFakeIo({ XDG_RUNTIME_DIR: folder });
    assert.equal(await runCommandLine(['component', 'list'], io), 1);
    assert.match(
      io.stderr.text,
      /^error ERR_LATTICE_NOT_RUNNING: No lattice "default" runs here .*muster dev/,
    );
  });
});

describe('CLI_ERRORS', () => {
  it('explains each code in a sentence', () => {
    for (const [code, meaning] of Object.entries(CLI_ERRORS)) {
      assert.match(code, /^ERR_[A-Z0-9_]+$/);
      assert.match(meaning, /^[A-Z].*\.$/);
    }
  });
});
