import type { IncomingMessage } from 'node:http';
import type { AuthorityCheck } from './authority.ts';
import { connectionOptions, isHopByHop } from './headers.ts';

/** The head of a request after all checks. */
export interface RequestHead {
  readonly authority: string;
  readonly pathWithQuery: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Announced length, -1 when the body is chunked, 0 when there is none. */
  readonly bodyLength: number;
}

/** Status of the refusal when a head is not acceptable. */
export type HeadRefusal = 400 | 413 | 421 | 431;

const originForm = /^\/[\x21\x22\x24-\x7e]*$/;
const absoluteForm = /^https?:\/\/([^/?#]+)([/?][\x21\x22\x24-\x7e]*)?$/i;

/** Checks target, Host, count and length, and keeps what a handler may see. Answers a status when it refuses. */
export function readHead(
  message: IncomingMessage,
  limits: { headerCount: number; bodyBytes: number },
  authorities: AuthorityCheck,
): RequestHead | HeadRefusal {
  const raw = message.rawHeaders;
  if (raw.length > limits.headerCount * 2) {
    return 431;
  }
  const headers: [string, string][] = [];
  let host: string | undefined;
  let bodyLength = 0;
  let isChunked = false;
  let dropped: string[] | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const value = raw[i + 1] as string;
    if (name === 'host') {
      if (host !== undefined) {
        return 400;
      }
      host = value;
    } else if (name === 'connection') {
      const named = connectionOptions(value);
      if (named.length > 0) {
        dropped = dropped === undefined ? named : dropped.concat(named);
      }
    } else if (name === 'transfer-encoding') {
      // The parser accepts a final `chunked` only; other codings before it would reach a component undecoded.
      if (isChunked || value.trim().toLowerCase() !== 'chunked' || message.httpVersionMinor === 0) {
        return 400;
      }
      isChunked = true;
    } else if (!isHopByHop(name)) {
      if (name === 'content-length') {
        bodyLength = Number(value);
      }
      headers.push([name, value]);
    }
  }
  if (isChunked) {
    bodyLength = -1;
  } else if (bodyLength > limits.bodyBytes) {
    return 413;
  }
  const target = readTarget(message.url ?? '', message.method, host);
  if (target === undefined) {
    return 400;
  }
  const verdict = authorities.check(target.authority);
  if (verdict !== 'ok') {
    return verdict === 'malformed' ? 400 : 421;
  }
  return {
    authority: target.authority,
    pathWithQuery: target.pathWithQuery,
    headers: dropped === undefined ? headers : headers.filter(([name]) => isKept(name, dropped)),
    bodyLength,
  };
}

function isKept(name: string, dropped: readonly string[]): boolean {
  return name === 'content-length' || !dropped.includes(name);
}

/** The four forms of RFC 9112 section 3.2, of which authority-form never arrives here. */
function readTarget(
  url: string,
  method: string | undefined,
  host: string | undefined,
): { authority: string; pathWithQuery: string } | undefined {
  if (host === undefined) {
    return undefined;
  }
  if (originForm.test(url)) {
    return { authority: host, pathWithQuery: url };
  }
  if (url === '*' && method === 'OPTIONS') {
    return { authority: host, pathWithQuery: '*' };
  }
  const absolute = absoluteForm.exec(url);
  if (absolute?.[1] === undefined) {
    return undefined;
  }
  const rest = absolute[2] ?? '/';
  return { authority: absolute[1], pathWithQuery: rest.startsWith('/') ? rest : `/${rest}` };
}
