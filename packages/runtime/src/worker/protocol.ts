import type { CoreModule } from '../engine.ts';
import type { ComponentErrorCode } from '../errors.ts';
import type { Limits, LogLevel } from './types.ts';

/**
 * Messages between the main thread and a worker: arrays that begin with a kind, sent in batches. A number is cheaper to
 * clone than a word, and an array than an object.
 */
export const toWorker = {
  call: 0,
  bodyChunk: 1,
  bodyEnd: 2,
  credit: 3,
  cancel: 4,
  config: 5,
  jwt: 6,
} as const;

/** How the body of a call arrives: not at all, with the call, or in chunks once the worker grants credit. */
export const bodyKind = { none: 0, whole: 1, streamed: 2 } as const;

export type CallMessage = readonly [
  kind: typeof toWorker.call,
  id: number,
  method: string,
  scheme: string,
  authority: string,
  pathWithQuery: string,
  headers: readonly string[],
  bodyKind: number,
  body: Uint8Array | undefined,
];

export type ToWorker =
  | CallMessage
  | readonly [kind: typeof toWorker.bodyChunk, id: number, bytes: Uint8Array]
  | readonly [kind: typeof toWorker.bodyEnd, id: number, failure: 'size' | 'aborted' | undefined]
  | readonly [kind: typeof toWorker.credit, id: number, bytes: number]
  | readonly [kind: typeof toWorker.cancel, id: number, code: ComponentErrorCode]
  | readonly [kind: typeof toWorker.config, entries: readonly (readonly [string, string])[]]
  | readonly [kind: typeof toWorker.jwt, id: number, isAnswered: boolean, token: string | undefined];

export const toMain = {
  started: 0,
  startFailed: 1,
  response: 2,
  chunk: 3,
  end: 4,
  failed: 5,
  done: 6,
  credit: 7,
  jwt: 8,
  log: 9,
  dropped: 10,
} as const;

/** What follows a response message: chunks, the end of the call, or nothing. */
export const responsePhase = { streaming: 0, whole: 1, done: 2 } as const;

export type ResponseMessage = readonly [
  kind: typeof toMain.response,
  id: number,
  phase: number,
  status: number,
  headers: readonly string[],
  /** A short one is latin1 text: a string is far cheaper to clone than bytes. */
  body: Uint8Array | string | undefined,
];

export type ToMain =
  | readonly [kind: typeof toMain.started, modules: readonly CoreModule[]]
  | readonly [kind: typeof toMain.startFailed, code: ComponentErrorCode, message: string]
  | ResponseMessage
  | readonly [kind: typeof toMain.chunk, id: number, bytes: Uint8Array]
  | readonly [kind: typeof toMain.end, id: number]
  | readonly [kind: typeof toMain.failed, id: number, code: ComponentErrorCode, message: string]
  | readonly [kind: typeof toMain.done, id: number]
  | readonly [kind: typeof toMain.credit, id: number, bytes: number]
  | readonly [kind: typeof toMain.jwt, id: number, audience: string]
  | readonly [kind: typeof toMain.log, level: LogLevel, context: string, message: string]
  | readonly [kind: typeof toMain.dropped, lines: number];

/** What a worker is started with. */
export interface WorkerStart {
  readonly bytes: Uint8Array;
  /** Compiled by an earlier worker of the same pool. */
  readonly modules: readonly CoreModule[] | undefined;
  readonly limits: Limits;
  readonly interfaces: readonly string[];
  readonly config: readonly (readonly [string, string])[];
  readonly isFresh: boolean;
  readonly progress: SharedArrayBuffer;
}
