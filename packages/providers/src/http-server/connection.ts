import type { Socket } from 'node:net';
import { PIPELINED_REQUESTS } from './limits.ts';

/** A connection and what is known of it; properties cost less than a map beside it. */
export interface Connection extends Socket {
  /** An answer that closes has been decided on: nothing behind it is served (RFC 9112, 9.6). */
  isClosing?: boolean;
  underWay?: number;
  /** Requests that wait until some before them are answered, in their order. */
  held?: (() => void)[];
}

/** Counts a request in, unless it has to wait: then it is for `hold`. */
export function tryEnter(connection: Connection): boolean {
  const underWay = connection.underWay ?? 0;
  if (underWay >= PIPELINED_REQUESTS) {
    return false;
  }
  connection.underWay = underWay + 1;
  return true;
}

/** Keeps a request, and reads no further than what is parsed already, until some are answered. */
export function hold(connection: Connection, begin: () => void): void {
  if (connection.held === undefined) {
    connection.held = [];
    // The end of every answer makes node:http read on.
    connection.on('resume', pauseAgain);
  }
  connection.held.push(begin);
  connection.pause();
}

/** Counts an answered request out; the first of the held ones takes its place. */
export function leave(connection: Connection): void {
  connection.underWay = (connection.underWay ?? 1) - 1;
  const { held } = connection;
  if (held === undefined || held.length === 0) {
    return;
  }
  if (!connection.writable || connection.isClosing === true) {
    held.length = 0;
    return;
  }
  const begin = held.shift();
  if (held.length === 0) {
    connection.resume();
  }
  begin?.();
}

/** Whether reading is stopped, so that the client cannot be blamed for what does not arrive. */
export function isHeldBack(connection: Connection): boolean {
  return connection.held !== undefined && connection.held.length > 0;
}

function pauseAgain(this: Connection): void {
  if (isHeldBack(this)) {
    this.pause();
  }
}
