import type { Socket } from 'node:net';
import { selectorKeys } from '../entries/selector.ts';
import { AuthorityError } from '../errors.ts';
import { createAccountNames, type AccountNames } from './account-names.ts';
import { isDescendant } from './ancestry.ts';
import { ExecutableReader, type Executable } from './executable.ts';
import type { ExpectedChildren } from './expected-children.ts';
import type { Libc } from './libc.ts';
import { openPeer, type AttestationMode } from './peer.ts';
import { readProcess, type ProcessFacts } from './process-facts.ts';
import { kinshipSelectors, unixSelectors } from './selectors.ts';

/** A process as the kernel and /proc described it while one call was served. Never kept for another call. */
export interface Caller {
  readonly pid: number;
  readonly startTime: string;
  readonly uid: number;
  readonly gid: number;
  /** The names under which this process was announced as a child. */
  readonly childNames: readonly string[];
  readonly isSelf: boolean;
  /** The keys of all its selectors. */
  readonly selectors: ReadonlySet<string>;
}

/** What decides before the costly part of attestation whether a caller may go on; throws to refuse. */
export type Admission = (caller: Omit<Caller, 'selectors'>) => void;

export interface WorkloadAttestorOptions {
  readonly libc: Libc;
  readonly mode: AttestationMode;
  readonly children: ExpectedChildren;
  /** Whether any entry needs the digest of a program. */
  readonly isDigestWanted: () => boolean;
  readonly names?: AccountNames;
  readonly executables?: ExecutableReader;
}

/** Tells who is at the other end of a socket, afresh for each call. */
export class WorkloadAttestor {
  readonly #libc: Libc;
  readonly #mode: AttestationMode;
  readonly #children: ExpectedChildren;
  readonly #isDigestWanted: () => boolean;
  readonly #names: AccountNames;
  readonly #executables: ExecutableReader;

  constructor(options: WorkloadAttestorOptions) {
    this.#libc = options.libc;
    this.#mode = options.mode;
    this.#children = options.children;
    this.#isDigestWanted = options.isDigestWanted;
    this.#names = options.names ?? createAccountNames();
    this.#executables = options.executables ?? new ExecutableReader();
  }

  /** Attests the process that connected. Throws ERR_ATTESTATION_FAILED, and what `admit` throws. */
  async attest(socket: Socket, admit?: Admission): Promise<Caller> {
    using peer = openPeer(socket, this.#libc, this.#mode);
    const { facts } = peer;
    const childNames = this.#children.namesOf(facts);
    const isSelf = facts.pid === process.pid;
    const known = {
      pid: facts.pid,
      startTime: facts.startTime,
      uid: facts.uid,
      gid: facts.gid,
      childNames,
      isSelf,
    };
    admit?.(known);
    const executable = await this.#executables.read(facts.pid, this.#isDigestWanted());
    const kinship = { isSelf, childNames, isDescendant: isDescendant(facts, process.pid, readProcess) };
    const selectors = [...unixSelectors(facts, this.#names, executable), ...kinshipSelectors(kinship)];
    await this.#assertSameProgram(facts, executable);
    peer.assertUnchanged();
    return { ...known, selectors: selectorKeys(selectors) };
  }

  // A process may replace its program at any time: what was read must at least be about one program.
  async #assertSameProgram(facts: ProcessFacts, before: Executable | undefined): Promise<void> {
    const after = await this.#executables.read(facts.pid, false);
    if (after?.identity !== before?.identity || after?.path !== before?.path) {
      throw new AuthorityError(
        'ERR_ATTESTATION_FAILED',
        'Cannot attest a caller: it changed its program meanwhile',
      );
    }
  }
}
