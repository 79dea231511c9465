import { Socket } from 'node:net';

import { SpiffeError } from '../errors.ts';
import type { VerifiedX509Svid } from '../svid/verify-x509.ts';

// A symbol, because http2 hands out its socket behind a Proxy, which is no key of a WeakMap but lets properties through.
// The set, because a symbol can be found: only what was verified here is ever handed out.
const PEER = Symbol('verified TLS peer');
const verifiedPeers = new WeakSet<VerifiedX509Svid>();
const MAX_STEPS = 32;

/** Remembers who is at the other end of the socket. Once: a connection never changes its peer. */
export function recordTlsPeer(socket: object, verified: VerifiedX509Svid): void {
  verifiedPeers.add(verified);
  Object.defineProperty(socket, PEER, { value: verified, enumerable: false, configurable: true });
}

/**
 * The verified peer of a connection, or undefined when nobody verified one. Takes a TLSSocket, a request or response of
 * https or http2, an http2 stream or session, a request for an upgrade, or a call that grpc-js serves. It never looks at
 * headers. Never throws. Ask while the connection is open: http2 forgets its socket when that is closed.
 */
export function tlsPeerOf(connection: object): VerifiedX509Svid | undefined {
  let current: unknown = connection;
  // The longest way is grpc-js: call, intercepting call, its base, stream, session, socket; with interceptors in between.
  for (let step = 0; step < MAX_STEPS && typeof current === 'object' && current !== null; step += 1) {
    const found = read(current, PEER);
    if (found !== undefined) {
      return verifiedPeers.has(found as VerifiedX509Svid) ? (found as VerifiedX509Svid) : undefined;
    }
    current = isSocket(current) ? undefined : findNext(current);
  }
  return undefined;
}

// `req` of a response whose socket was handed back already; `call` and `nextCall` are grpc-js's ways down to the stream.
const WAYS = ['socket', 'session', 'stream', 'req', 'call', 'nextCall'] as const;

/** The verified peer of a connection as from `tlsPeerOf`, for a handler that serves nobody unknown. Throws SpiffeError `ERR_TLS_PEER_CERTIFICATE_MISSING`. */
export function requireTlsPeer(connection: object): VerifiedX509Svid {
  const verified = tlsPeerOf(connection);
  if (verified === undefined) {
    throw new SpiffeError(
      'ERR_TLS_PEER_CERTIFICATE_MISSING',
      'Cannot tell who is at the other end: the connection has no verified X.509-SVID',
    );
  }
  return verified;
}

function findNext(current: object): unknown {
  for (const way of WAYS) {
    const next = read(current, way);
    if (typeof next === 'object' && next !== null) {
      return next;
    }
  }
  return undefined;
}

function isSocket(current: object): boolean {
  try {
    return current instanceof Socket;
  } catch {
    return false;
  }
}

/** http2 throws from the properties of what is closed. */
function read(from: object, name: string | symbol): unknown {
  try {
    return Reflect.get(from, name);
  } catch {
    return undefined;
  }
}
