import { cut } from './log-lines.ts';

/** The cases of `error-code` in `wasi:http/types` that this host itself produces; a guest may send any other. */
export type HttpErrorCode =
  | { tag: 'HTTP-request-denied' }
  | { tag: 'HTTP-request-body-size'; val: bigint | undefined }
  | { tag: 'HTTP-response-body-size'; val: bigint | undefined }
  | { tag: 'connection-terminated' }
  | { tag: 'internal-error'; val: string | undefined };

/** An error code from a guest as one line for a log. */
export function describeErrorCode(code: { readonly tag: string; readonly val?: unknown }): string {
  return typeof code.val === 'string' ? `${code.tag}: ${cut(code.val, 200)}` : code.tag;
}
