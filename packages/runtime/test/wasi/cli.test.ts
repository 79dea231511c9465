import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as cli from '../../src/wasi/cli.ts';
import type { InputStream, OutputStream } from '../../src/wasi/io-streams.ts';
import { cut, maxLineBytes } from '../../src/wasi/log-lines.ts';
import { WaitScope } from '../../src/wasi/wait.ts';
import { bytes, callable, isTrap, payloadOf } from './support.ts';

function stdio(): { streams: cli.Stdio; lines: string[]; out: OutputStream } {
  const lines: string[] = [];
  const streams = cli.createStdio((level, context, message) => {
    lines.push(`${level} ${context} ${message}`);
  }, new WaitScope());
  return { streams, lines, out: callable(streams.stdout)['getStdout']!() as OutputStream };
}

test('a component has no environment, arguments, directory or terminal', () => {
  const environment = callable(cli.environment);
  assert.deepEqual(environment['getEnvironment']!(), []);
  assert.deepEqual(environment['getArguments']!(), []);
  assert.equal(environment['initialCwd']!(), undefined);
  assert.equal(callable(cli.terminalStdin)['getTerminalStdin']!(), undefined);
  assert.equal(callable(cli.terminalStdout)['getTerminalStdout']!(), undefined);
  assert.equal(callable(cli.terminalStderr)['getTerminalStderr']!(), undefined);
});

test('exit ends the call and not the process', () => {
  const exit = callable(cli.exit);
  assert.throws(() => exit['exit']!({ tag: 'ok' }), isTrap('ERR_COMPONENT_EXITED'));
  assert.throws(() => exit['exitWithCode']!(3), isTrap('ERR_COMPONENT_EXITED'));
});

test('stdin is at its end', () => {
  const stdin = callable(stdio().streams.stdin)['getStdin']!() as InputStream;
  assert.deepEqual(
    payloadOf(() => stdin.read(1n)),
    { tag: 'closed' },
  );
});

test('stdout becomes log lines, across writes', () => {
  const { streams, lines, out } = stdio();
  void out.blockingWriteAndFlush(bytes('first li'));
  void out.blockingWriteAndFlush(bytes('ne\r\nsecond\n\nunfini'));
  assert.deepEqual(lines, ['info stdout first line', 'info stdout second', 'info stdout ']);
  void out.blockingWriteAndFlush(bytes('shed'));
  streams.endCall();
  streams.endCall();
  assert.deepEqual(lines.slice(3), ['info stdout unfinished']);
});

test('stderr has its own line and level', () => {
  const { streams, lines, out } = stdio();
  void out.blockingWriteAndFlush(bytes('half'));
  void (callable(streams.stderr)['getStderr']!() as OutputStream).blockingWriteAndFlush(bytes('oops\n'));
  assert.deepEqual(lines, ['warn stderr oops']);
});

test('a line without an end is cut, and does not grow in memory', () => {
  const { streams, lines, out } = stdio();
  for (let count = 0; count < 100; count += 1)
    void out.blockingWriteAndFlush(new Uint8Array(4096).fill(0x61));
  streams.endCall();
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.length, 'info stdout '.length + maxLineBytes + 1);
});

test('cutting does not split a surrogate pair', () => {
  assert.equal(cut('ab', 2), 'ab');
  assert.equal(cut('abc', 2), 'ab…');
  assert.equal(cut('a😀b', 2), 'a…');
});
