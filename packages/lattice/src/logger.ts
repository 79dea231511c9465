import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';

/** What a service logs to: a constant message and values in named fields. Never secrets or JWT-SVIDs. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface JsonLoggerOptions {
  readonly service: string;
  /** Lowest level that is written. Default `info`. */
  readonly level?: LogLevel;
  readonly clock?: Clock;
}

/** Writes one JSON object per line: `at`, `level`, `service`, `message`, then the fields. */
export function jsonLogger(stream: { write(text: string): unknown }, options: JsonLoggerOptions): Logger {
  const { service, level: lowest = 'info', clock = systemClock } = options;
  const threshold = LEVELS.indexOf(lowest);
  const at = (level: LogLevel) => {
    if (LEVELS.indexOf(level) < threshold) return () => {};
    return (message: string, fields: Record<string, unknown> = {}): void => {
      const head = { at: new Date(clock.now()).toISOString(), level, service, message };
      stream.write(`${JSON.stringify({ ...fieldsWithErrors(fields), ...head })}\n`);
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Discards everything. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Error objects have no enumerable content; their code and message are what an operator needs. */
function fieldsWithErrors(fields: Record<string, unknown>): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    plain[name] = value instanceof Error ? describeError(value) : value;
  }
  return plain;
}

function describeError(error: Error): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  const cause = error.cause instanceof Error ? describeError(error.cause) : undefined;
  return {
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(cause === undefined ? {} : { cause }),
  };
}
