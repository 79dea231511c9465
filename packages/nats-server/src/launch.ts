import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NatsServerError } from './errors.ts';
import { createKeyFile } from './key-file.ts';
import {
  logLine,
  type LogLine,
  type LogSink,
  parseLogLine,
  readStartLine,
  type StartState,
} from './log-line.ts';

/** Where a launched server finds the key that was given as `keyPem`; name it in the configuration's `tls.keyFile`. */
export const KEY_FILE = '/proc/self/fd/3';

export interface LaunchOptions {
  /** The program, as {@link findNatsServer} found it. */
  path: string;
  /** The configuration's text; it is written to `<directory>/nats-server.conf`. */
  config: string;
  directory: string;
  /** PEM private key, handed over as {@link KEY_FILE} and never written under a name. */
  keyPem?: string;
  logger?: LogSink;
  /** Default 10 000. */
  readyTimeoutMs?: number;
  signal?: AbortSignal;
}

/** A running nats-server that is a child of this process. */
export interface NatsServer {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  /** Resolves when the process has ended, however it did. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, then SIGKILL after `graceMs` (default 5 000). Resolves when the process is gone. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts nats-server and waits until it is ready. Throws ERR_NATS_SERVER_START or ERR_NATS_SERVER_PORT_TAKEN; nothing is left running then. */
export async function launchNatsServer(options: LaunchOptions): Promise<NatsServer> {
  options.signal?.throwIfAborted();
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const configFile = join(options.directory, 'nats-server.conf');
  await writeFile(configFile, options.config, { mode: 0o600 });
  const child = spawnServer(options, configFile);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  const stop = (graceMs = 5_000): Promise<void> => stopProcess(child, exited, graceMs);
  try {
    const { host, port } = await waitUntilReady(child, options);
    return { pid: child.pid ?? 0, host, port, exited, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function spawnServer(options: LaunchOptions, configFile: string): ChildProcess {
  const key = options.keyPem === undefined ? undefined : createKeyFile(options.keyPem);
  try {
    return spawn(options.path, ['-c', configFile], {
      cwd: options.directory,
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', ...(key === undefined ? [] : [key])],
    });
  } finally {
    if (key !== undefined) closeSync(key);
  }
}

function waitUntilReady(
  child: ChildProcess,
  options: LaunchOptions,
): Promise<{ host: string; port: number }> {
  const state: StartState = { isReady: false, isPortTaken: false };
  const lastLines: string[] = [];
  const timeoutMs = options.readyTimeoutMs ?? 10_000;
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(startError(state, reason, lastLines));
    const timer = setTimeout(() => fail(`it was not ready within ${String(timeoutMs)} ms`), timeoutMs);
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      fail(`it ended with ${signal ?? `exit code ${String(code)}`}`);
    });
    options.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error), { once: true });
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (text) => {
      const line = parseLogLine(text);
      if (options.logger !== undefined) logLine(options.logger, line);
      if (state.isReady) return;
      rememberProblem(lastLines, line);
      readStartLine(state, line);
      if (!state.isReady) return;
      clearTimeout(timer);
      resolve({ host: state.host ?? '127.0.0.1', port: state.port ?? 0 });
    });
  });
}

function rememberProblem(lastLines: string[], line: LogLine): void {
  if (line.level !== 'error') return;
  lastLines.push(line.text);
  if (lastLines.length > 3) lastLines.shift();
}

function startError(state: StartState, reason: string, lastLines: readonly string[]): NatsServerError {
  if (state.isPortTaken) {
    return new NatsServerError(
      'ERR_NATS_SERVER_PORT_TAKEN',
      `Cannot start nats-server: ${lastLines.at(-1) ?? 'its port is in use'}`,
    );
  }
  const detail = lastLines.length === 0 ? '' : `: ${lastLines.join('; ')}`;
  return new NatsServerError('ERR_NATS_SERVER_START', `Cannot start nats-server: ${reason}${detail}`);
}

async function stopProcess(child: ChildProcess, exited: Promise<unknown>, graceMs: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(timer);
}
