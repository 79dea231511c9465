import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { AuthorityError } from '../errors.ts';
import type { Libc, PeerCredentials } from './libc.ts';
import { readPidOfPidfd, readProcess, type ProcessFacts } from './process-facts.ts';

/** How a caller is pinned while it is looked at. */
export type AttestationMode = 'pidfd' | 'pid-start-time';

/** The process at the other end of a unix socket, pinned until `close`. */
export interface Peer extends Disposable {
  readonly facts: ProcessFacts;
  /** Checks that the process still lives and still is who it was. Throws ERR_ATTESTATION_FAILED. */
  assertUnchanged(): void;
}

/**
 * Pins the process that connected a socket and reads it. It is the process that called connect(2): a descriptor
 * passed on later still names the first one. Throws ERR_ATTESTATION_FAILED.
 */
export function openPeer(socket: Socket, libc: Libc, mode: AttestationMode): Peer {
  const fd = descriptorOf(socket);
  const credentials = libc.peerCredentials(fd);
  if (credentials.pid <= 0) throw failed('the caller is in a foreign pid namespace');
  const pidfd = mode === 'pidfd' ? libc.peerPidfd(fd) : undefined;
  // A kernel that had pidfds at start has them now: no silent fall-back.
  if (mode === 'pidfd' && pidfd === undefined) throw failed('the kernel gives no pidfd');
  const close = (): void => {
    if (pidfd !== undefined) closeSync(pidfd);
  };
  try {
    if (pidfd !== undefined && readPidOfPidfd(pidfd) !== credentials.pid)
      throw failed('the caller has ended');
    const facts = readOwned(credentials);
    const assertUnchanged = (): void => {
      const now = readOwned(credentials);
      if (now.startTime !== facts.startTime) throw failed('the pid belongs to another process now');
      if (pidfd !== undefined && libc.hasExited(pidfd)) throw failed('the caller has ended');
    };
    // What was read is only known to be about the pinned process if that one lived throughout.
    assertUnchanged();
    return { facts, assertUnchanged, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The file descriptor of a socket through a property that Node does not document; the self-test guards it. */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: unknown } | null };
  const fd = handle?.fd;
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0) throw failed('the connection is closed');
  return fd;
}

function readOwned(credentials: PeerCredentials): ProcessFacts {
  const facts = readProcess(credentials.pid);
  if (facts === undefined) throw failed('the caller has ended');
  if (facts.uid !== credentials.uid || facts.gid !== credentials.gid) {
    throw failed('the caller changed its user or group after it connected');
  }
  return facts;
}

function failed(reason: string): AuthorityError {
  return new AuthorityError('ERR_ATTESTATION_FAILED', `Cannot attest a caller: ${reason}`);
}
