import koffi from 'koffi';

const PR_SET_PDEATHSIG = 1;
const F_SETFD = 2;

interface LibC {
  prctl(option: number, argument: number): number;
  setDescriptorFlags(descriptor: number, flags: number): number;
}

let loaded: LibC | undefined;

/** The two system calls that Node has no function for. */
function libc(): LibC {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  const prctl = library.func('int prctl(int, ulong, ulong, ulong, ulong)') as (...args: number[]) => number;
  const fcntl = library.func('int fcntl(int, int, ...)') as (...args: unknown[]) => number;
  loaded = {
    prctl: (option, argument) => prctl(option, argument, 0, 0, 0),
    setDescriptorFlags: (descriptor, flags) => fcntl(descriptor, F_SETFD, 'int', flags),
  };
  return loaded;
}

/** Asks the kernel to send this process a signal when its parent ends (prctl(2), PR_SET_PDEATHSIG); it survives execve. */
export function setParentDeathSignal(signal: number): void {
  if (libc().prctl(PR_SET_PDEATHSIG, signal) !== 0)
    throw new Error('Cannot ask the kernel for a parent-death signal');
}

/** Lets a descriptor stay open over execve (fcntl(2), FD_CLOEXEC cleared). */
export function keepOverExec(descriptor: number): void {
  if (libc().setDescriptorFlags(descriptor, 0) !== 0)
    throw new Error('Cannot let a descriptor stay open over exec');
}
