/** Where log lines go; the same shape as the logger of the services. */
export interface LogSink {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** One line of nats-server's log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
}

const LEVELS: Readonly<Record<string, LogLine['level']>> = {
  TRC: 'debug',
  DBG: 'debug',
  INF: 'info',
  WRN: 'warn',
  ERR: 'error',
  FTL: 'error',
};

/** Parses `[17] 2026/01/31 10:00:00.000000 [INF] text`; any other line is an error text by itself (Go's own panics are). */
export function parseLogLine(line: string): LogLine {
  const match = /^\[\d+\] \S+ \S+ (?:UTC )?\[([A-Z]{3})\] (.*)$/.exec(line);
  const level = LEVELS[match?.[1] ?? ''];
  return level === undefined ? { level: 'error', text: line } : { level, text: match?.[2] ?? '' };
}

/** Passes a line to a logger under one constant message. */
export function logLine(sink: LogSink, line: LogLine): void {
  sink[line.level]('nats-server said', { text: line.text });
}

/** What a starting server has told so far: the address it listens on, that it is ready, that its port is taken. */
export interface StartState {
  host?: string;
  port?: number;
  isReady: boolean;
  isPortTaken: boolean;
}

/** Learns from one line of a starting server's log. */
export function readStartLine(state: StartState, line: LogLine): void {
  const listening = /^Listening for client connections on (.+):(\d+)$/.exec(line.text);
  if (listening !== null) {
    state.host = String(listening[1]);
    state.port = Number(listening[2]);
  }
  if (line.text === 'Server is ready') state.isReady = true;
  if (line.text.includes('address already in use')) state.isPortTaken = true;
}
