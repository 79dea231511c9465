import type { ImportInterface } from '../link/component.ts';
import type { LogLevel } from '../worker/types.ts';
import { cut, maxContextLength, maxLineBytes, type WriteLog } from './log-lines.ts';

/** `wasi:logging/logging` (0.1.0-draft). */
export function logging(write: WriteLog): ImportInterface {
  return {
    log: (level: LogLevel, context: string, message: string) =>
      write(level, cut(context, maxContextLength), cut(message, maxLineBytes)),
  };
}
