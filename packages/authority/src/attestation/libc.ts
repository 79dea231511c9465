import { AuthorityError } from '../errors.ts';

/** What the kernel recorded about the process at the other end when it connected (unix(7), SO_PEERCRED). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The few calls of the C library that Node does not offer. Descriptors that it returns are the caller's to close. */
export interface Libc {
  /** Throws ERR_ATTESTATION_FAILED. */
  peerCredentials(fd: number): PeerCredentials;
  /** A pidfd of the peer, or undefined where the kernel has no SO_PEERPIDFD (before 6.5). Throws ERR_ATTESTATION_FAILED. */
  peerPidfd(fd: number): number | undefined;
  /** A pidfd of a process, or undefined where the kernel has no pidfd_open (before 5.3). Throws ERR_ATTESTATION_FAILED. */
  openPidfd(pid: number): number | undefined;
  /** Whether the process of a pidfd has ended. */
  hasExited(pidfd: number): boolean;
  /** Takes the exclusive lock of an open file or directory without waiting; false when someone else holds it. */
  lock(fd: number): boolean;
  /** Makes this process the parent of its descendants whose own parent ends (prctl(2), PR_SET_CHILD_SUBREAPER). */
  adoptOrphans(): void;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const SYS_PIDFD_OPEN = 434;
const LOCK_EX_NB = 2 | 4;
const PR_SET_CHILD_SUBREAPER = 36;
const POLLIN = 1;
const EINTR = 4;
const EAGAIN = 11;
const EINVAL = 22;
const ENOSYS = 38;
const ENOPROTOOPT = 92;

/** Loads the C library through koffi. Throws ERR_ATTESTATION_UNAVAILABLE where that is not possible. */
export async function loadLibc(): Promise<Libc> {
  if (process.platform !== 'linux') {
    throw new AuthorityError(
      'ERR_ATTESTATION_UNAVAILABLE',
      `Cannot attest callers on ${process.platform}: Linux is wanted`,
    );
  }
  try {
    const { default: koffi } = await import('koffi');
    return bind(koffi);
  } catch (cause) {
    throw new AuthorityError(
      'ERR_ATTESTATION_UNAVAILABLE',
      'Cannot attest callers: the native module "koffi" does not load; install it for this platform',
      { cause },
    );
  }
}

function bind(koffi: typeof import('koffi').default): Libc {
  const library = koffi.load(null);
  const getsockopt = library.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
  const syscall = library.func('long syscall(long, ...)');
  const poll = library.func('int poll(_Inout_ uint8_t *, unsigned long, int)');
  const prctl = library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
  const flock = library.func('int flock(int, int)');
  const failed = (call: string): AuthorityError =>
    new AuthorityError(
      'ERR_ATTESTATION_FAILED',
      `Cannot attest a process: ${call} gives errno ${koffi.errno()}`,
    );

  return {
    peerCredentials(fd) {
      const value = Buffer.alloc(12);
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, [value.length]) !== 0) throw failed('SO_PEERCRED');
      return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
    },
    peerPidfd(fd) {
      const value = Buffer.alloc(4);
      if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, value, [value.length]) === 0) return value.readInt32LE(0);
      if (koffi.errno() === ENOPROTOOPT) return undefined;
      throw failed('SO_PEERPIDFD');
    },
    openPidfd(pid) {
      const fd = Number(syscall(SYS_PIDFD_OPEN, 'long', pid, 'long', 0));
      if (fd >= 0) return fd;
      if (koffi.errno() === ENOSYS) return undefined;
      throw failed('pidfd_open');
    },
    hasExited(pidfd) {
      const value = Buffer.alloc(8);
      value.writeInt32LE(pidfd, 0);
      value.writeInt16LE(POLLIN, 4);
      // A failing poll says nothing about life, so the process counts as gone.
      return poll(value, 1, 0) !== 0;
    },
    adoptOrphans() {
      if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) === 0) return;
      throw new AuthorityError('ERR_ATTESTATION_UNAVAILABLE', `Cannot adopt orphans: errno ${koffi.errno()}`);
    },
    lock(fd) {
      for (;;) {
        if (flock(fd, LOCK_EX_NB) === 0) return true;
        const errno = koffi.errno();
        if (errno === EAGAIN) return false;
        if (errno !== EINTR) {
          const reason = errno === EINVAL ? 'locks are not supported there' : `errno ${errno}`;
          throw new AuthorityError('ERR_SOCKET_PATH', `Cannot lock the socket directory: ${reason}`);
        }
      }
    },
  };
}
