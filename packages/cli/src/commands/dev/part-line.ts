import type { Logger } from '@muster/lattice';

/** One line of a part's log. */
export interface PartLine {
  readonly part: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
}

const LEVELS: ReadonlySet<string> = new Set(['debug', 'info', 'warn', 'error']);

/** Reads a log line of one of our services, which is JSON; any other line is what a process says when things go wrong. */
export function readLogLine(part: string, text: string): PartLine | undefined {
  if (text.trim() === '') return undefined;
  return readJson(part, text) ?? { part, level: text.startsWith('error') ? 'error' : 'warn', text };
}

/** The object of a line that says that a part is ready; undefined for any other line. */
export function readReadyLine(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseObject(text);
  return value?.['event'] === 'ready' ? value : undefined;
}

/** A logger whose lines become lines of a part, for parts that run in this process. */
export function partLogger(part: string, onLine: (line: PartLine) => void): Logger {
  const at =
    (level: PartLine['level']) =>
    (message: string, fields: Record<string, unknown> = {}): void =>
      onLine({ part, level, text: formatLine(message, fields) });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function readJson(part: string, text: string): PartLine | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { at: _at, level, service: _service, message, ...fields } = value;
  if (typeof level !== 'string' || !LEVELS.has(level) || typeof message !== 'string') return undefined;
  return { part, level: level as PartLine['level'], text: formatLine(message, fields) };
}

function formatLine(message: string, fields: Readonly<Record<string, unknown>>): string {
  const details = Object.entries(fields).filter(([, field]) => field !== undefined);
  return [message, ...details.map(([name, field]) => `${name}=${formatField(field)}`)].join(' ');
}

function formatField(field: unknown): string {
  if (typeof field === 'string') return /^[\w./:@+-]+$/.test(field) ? field : JSON.stringify(field);
  if (typeof field === 'object' && field !== null && !Array.isArray(field)) {
    const { code, message } = field as { code?: unknown; message?: unknown };
    if (typeof message === 'string')
      return JSON.stringify(typeof code === 'string' ? `${code}: ${message}` : message);
  }
  return JSON.stringify(field) ?? 'undefined';
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
