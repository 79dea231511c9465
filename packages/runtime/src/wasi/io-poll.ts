import { Trap } from '../errors.ts';
import { suspending } from '../link/host.ts';
import { suspendingMethods, type ReadySource, type WaitScope } from './wait.ts';

const maxPolled = 1024;

/** `wasi:io/poll.pollable` (WASI 0.2). */
export class Pollable {
  readonly #source: ReadySource;
  readonly #scope: WaitScope;

  constructor(source: ReadySource, scope: WaitScope) {
    this.#source = source;
    this.#scope = scope;
  }

  ready(): boolean {
    return this.#source.isReady();
  }

  block(): void | Promise<void> {
    if (!this.#source.isReady() || this.#scope.hasUnsent) return this.#scope.untilReady(this.#source);
  }

  static sourceOf(pollable: Pollable): ReadySource {
    return pollable.#source;
  }

  static scopeOf(pollable: Pollable): WaitScope {
    return pollable.#scope;
  }
}

suspendingMethods(Pollable, ['block']);

function readyIndexes(sources: readonly ReadySource[]): number[] {
  const ready: number[] = [];
  for (const [index, source] of sources.entries()) if (source.isReady()) ready.push(index);
  return ready;
}

async function untilOne(sources: readonly ReadySource[], scope: WaitScope): Promise<number[]> {
  for (;;) {
    await scope.suspend<void>((resolve) => {
      const stops = sources.map((source) => source.onReady(() => resolve()));
      return () => {
        for (const stop of stops) stop();
      };
    });
    const ready = readyIndexes(sources);
    if (ready.length > 0) return ready;
  }
}

/** `poll`: the indexes of those that are ready, waiting for the first one. An empty list traps, as WASI demands. */
export const poll: (pollables: readonly Pollable[]) => number[] | Promise<number[]> = suspending(
  (pollables) => {
    const first = pollables[0];
    if (first === undefined || pollables.length > maxPolled) {
      throw new Trap(
        'ERR_TRAP_WASI',
        `Cannot poll ${pollables.length} pollables: 1 to ${maxPolled} are allowed`,
      );
    }
    const sources = pollables.map((pollable) => Pollable.sourceOf(pollable));
    const ready = readyIndexes(sources);
    const scope = Pollable.scopeOf(first);
    return ready.length > 0 && !scope.hasUnsent ? ready : untilOne(sources, scope);
  },
);
