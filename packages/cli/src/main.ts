import { readFileSync } from 'node:fs';
import type { CommandEntry } from './command.ts';
import { commands } from './commands/index.ts';
import { describeError } from './describe-error.ts';
import { commandHelp, programHelp } from './help.ts';
import type { Io } from './io.ts';
import { parseOptions, usage } from './options.ts';

/** Runs the command line of this process and sets its exit code. SIGINT, SIGTERM and SIGHUP ask the command to end. */
export async function main(): Promise<void> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // Whoever asks twice does not want to wait; children end with their parent.
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  // Whoever reads our output may go away; that is not an error of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const { stdout, stderr, env } = process;
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    stdout,
    stderr,
    env,
    signal: controller.signal,
  });
}

/** Runs one command line. Resolves to the exit code: 0, 1 for a failure, 2 for a command line that makes no sense. */
export async function runCommandLine(words: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(words, io);
  } catch (error) {
    const { line, exitCode } = describeError(error);
    io.stderr.write(`${line}\n`);
    return exitCode;
  }
}

async function dispatch(words: readonly string[], io: Io): Promise<number> {
  const first = words[0];
  if (first === '--version') {
    io.stdout.write(`${readVersion()}\n`);
    return 0;
  }
  if (first === undefined || first === 'help' || first.startsWith('-')) {
    if (first !== undefined && first !== 'help' && first !== '--help' && first !== '-h')
      throw usage(`Unknown option "${first}"`);
    (first === undefined ? io.stderr : io.stdout).write(programHelp(commands));
    return first === undefined ? 2 : 0;
  }
  const entry = findCommand(words);
  const rest = words.slice(entry.name.split(' ').length);
  const command = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout.write(commandHelp(entry, command));
    return 0;
  }
  return command.run(parseOptions(command.options, rest, command.operand !== undefined), io);
}

function findCommand(words: readonly string[]): CommandEntry {
  const entry = commands.find(({ name }) => name.split(' ').every((word, at) => words[at] === word));
  if (entry !== undefined) return entry;
  const verbs = commands
    .filter(({ name }) => name.startsWith(`${words[0] ?? ''} `))
    .map(({ name }) => `muster ${name}`);
  throw usage(
    verbs.length > 0
      ? `What should be done with "${words[0] ?? ''}"? Known are: ${verbs.join(', ')}`
      : `Unknown command "${words[0] ?? ''}"`,
  );
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
