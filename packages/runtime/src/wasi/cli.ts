import type { ImportInterface } from '../link/component.ts';
import { Trap } from '../errors.ts';
import { inertClass } from './inert.ts';
import { InputStream, OutputStream, emptySource } from './io-streams.ts';
import { LineSink, type WriteLog } from './log-lines.ts';
import type { WaitScope } from './wait.ts';

/** `wasi:cli/environment`: a component has no variables, no arguments and no directory. */
export const environment: ImportInterface = {
  getEnvironment: () => [],
  getArguments: () => [],
  initialCwd: () => undefined,
};

function endCall(how: string): never {
  throw new Trap('ERR_COMPONENT_EXITED', `The component called wasi:cli/exit with ${how}`);
}

/** `wasi:cli/exit`: ends the call and the instance, nothing else. */
export const exit: ImportInterface = {
  exit: (status: { tag: 'ok' | 'err' }) => endCall(status.tag),
  exitWithCode: (code: number) => endCall(`code ${code}`),
};

/** `wasi:cli/terminal-*`: a component never has one. */
export const terminalInput: ImportInterface = { TerminalInput: inertClass([], undefined) };
export const terminalOutput: ImportInterface = { TerminalOutput: inertClass([], undefined) };
export const terminalStdin: ImportInterface = { getTerminalStdin: () => undefined };
export const terminalStdout: ImportInterface = { getTerminalStdout: () => undefined };
export const terminalStderr: ImportInterface = { getTerminalStderr: () => undefined };

/** The three standard streams of one instance. */
export interface Stdio {
  readonly stdin: ImportInterface;
  readonly stdout: ImportInterface;
  readonly stderr: ImportInterface;
  /** Logs lines that have no newline yet. */
  endCall(): void;
}

export function createStdio(writeLog: WriteLog, scope: WaitScope): Stdio {
  const out = new LineSink('info', 'stdout', writeLog);
  const err = new LineSink('warn', 'stderr', writeLog);
  return {
    stdin: { getStdin: () => new InputStream(emptySource, scope) },
    stdout: { getStdout: () => new OutputStream(out, scope) },
    stderr: { getStderr: () => new OutputStream(err, scope) },
    endCall() {
      out.endCall();
      err.endCall();
    },
  };
}
