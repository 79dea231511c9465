import type { StringEncoding } from '../binary/ast.ts';
import type { CoreFunction, CoreMemory } from '../engine.ts';
import type { InstanceState, Root } from './state.ts';
import { trap } from './traps.ts';

/** Node's fast string methods, which its type definitions leave out. */
export interface FastBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
  utf8Write(text: string, at: number, length: number): number;
  latin1Write(text: string, at: number, length: number): number;
  ucs2Write(text: string, at: number, length: number): number;
}

const noBytes = Buffer.from(new ArrayBuffer(0)) as FastBuffer;
const noView = new DataView(new ArrayBuffer(0));

/** What lifting and lowering need of one component instance: memory, realloc, encoding, handles. */
export class Context {
  readonly root: Root;
  readonly state: InstanceState;
  readonly encoding: StringEncoding;
  readonly #memory: CoreMemory | undefined;
  readonly #realloc: CoreFunction | undefined;
  bytes: FastBuffer = noBytes;
  view: DataView = noView;
  /** Second half of the last lowered string or list: its length as the guest sees it. */
  length = 0;

  constructor(
    state: InstanceState,
    encoding: StringEncoding,
    memory: CoreMemory | undefined,
    realloc: CoreFunction | undefined,
  ) {
    this.root = state.root;
    this.state = state;
    this.encoding = encoding;
    this.#memory = memory;
    this.#realloc = realloc;
    this.refresh();
  }

  /** Renews the views after the guest ran: growing a memory detaches its old buffer. */
  refresh(): void {
    if (this.bytes.length !== 0 || this.#memory === undefined) return;
    const { buffer } = this.#memory;
    this.bytes = Buffer.from(buffer) as FastBuffer;
    this.view = new DataView(buffer);
  }

  /** Checks that `size` bytes at `at` lie in memory, aligned. */
  check(at: number, size: number, align: number): void {
    if ((at & (align - 1)) !== 0) trap('ERR_TRAP_MEMORY', `Pointer ${at} is not aligned to ${align}.`);
    if (at + size > this.bytes.length) trap('ERR_TRAP_MEMORY', `${size} bytes at ${at} are out of bounds.`);
  }

  /** Has the guest allocate `size` bytes and checks what it answers. */
  allocate(size: number, align: number): number {
    const { state } = this;
    const couldLeave = state.mayLeave;
    state.mayLeave = false;
    // The linker has checked that a type which needs realloc has one.
    const at = (this.#realloc as CoreFunction)(0, 0, align, size) >>> 0;
    state.mayLeave = couldLeave;
    this.refresh();
    this.check(at, size, align);
    return at;
  }
}
