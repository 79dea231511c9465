import type { HttpLimits } from './types.ts';

/** The limits that hold where a configuration names none. */
export const defaultHttpLimits: HttpLimits = {
  headerBytes: 16 * 1024,
  headerCount: 100,
  bodyBytes: 16 * 1024 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 5_000,
  idleTimeoutMs: 120_000,
  maxRequestsPerConnection: 100_000,
  maxConnections: 10_000,
  drainTimeoutMs: 5_000,
};

/** Requests of one connection that are under way at once; those pipelined behind them wait. */
export const PIPELINED_REQUESTS = 16;

/** Bodies of announced length up to this size are read whole before the handler runs. */
export const WHOLE_BODY_BYTES: number = 64 * 1024;
