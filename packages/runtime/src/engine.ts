/** A compiled core module: a `WebAssembly.Module`. Opaque here; it may be posted to worker threads. */
export interface CoreModule {
  readonly [Symbol.toStringTag]: string;
}

export interface CoreMemory {
  readonly buffer: ArrayBuffer;
}

/** A core function as the engine hands it out; the plan has checked its signature. */
// oxlint-disable-next-line typescript/no-explicit-any -- core values are numbers and bigints, by signature
export type CoreFunction = (...args: any[]) => any;

export interface CoreInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface Engine {
  readonly Module: new (bytes: Uint8Array) => CoreModule;
  readonly Instance: new (
    module: CoreModule,
    imports: Record<string, Record<string, unknown>>,
  ) => CoreInstance;
  readonly Suspending: new (fn: CoreFunction) => object;
  promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
  readonly RuntimeError: new (message?: string) => Error;
  readonly LinkError: new (message?: string) => Error;
  readonly CompileError: new (message?: string) => Error;
}

/** The JavaScript engine's `WebAssembly` object, typed as far as this package uses it. */
export const engine: Engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;
