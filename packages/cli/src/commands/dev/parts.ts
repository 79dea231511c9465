import type { Authority } from '@muster/authority';
import type { Io } from '../../io.ts';
import type { Progress } from '../../terminal/progress.ts';
import { Child, type ChildPlan } from './child.ts';
import type { PartLine } from './part-line.ts';

/** The child processes of a lattice. */
export class Parts {
  readonly #children = new Map<string, Child>();
  readonly #authority: Authority | undefined;
  readonly #io: Io;
  readonly #progress: Progress;
  readonly #onLine: (line: PartLine) => void;

  constructor(options: {
    authority: Authority | undefined;
    io: Io;
    progress: Progress;
    onLine: (line: PartLine) => void;
  }) {
    this.#authority = options.authority;
    this.#io = options.io;
    this.#progress = options.progress;
    this.#onLine = options.onLine;
  }

  /** Starts a part, makes the authority expect it under its name, and keeps it running. Returns what it said when it was ready. */
  async start(
    plan: ChildPlan,
    onRestarted: (ready: Readonly<Record<string, unknown>>) => void = () => {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const child = new Child(plan, {
      onSpawn: (pid) => this.#authority?.expectChild(plan.name, pid),
      onExit: () => this.#authority?.forgetChild(plan.name),
      onLine: this.#onLine,
      onEnded: (reason, retryInMs) =>
        this.#progress.note(
          retryInMs === 0
            ? `${plan.name} ended as asked; it is started again`
            : `${plan.name} ended (${reason}); it is started again in ${String(retryInMs)} ms`,
        ),
      onRestarted: (ready) => {
        this.#progress.note(`${plan.name} runs again`);
        onRestarted(ready);
      },
    });
    this.#children.set(plan.name, child);
    return child.start(this.#io.signal);
  }

  pidOf(name: string): number | undefined {
    return this.#children.get(name)?.pid;
  }

  restartsOf(name: string): number {
    return this.#children.get(name)?.restarts ?? 0;
  }

  /** Ends the present process of a part, so that a new one takes its place. */
  restart(name: string): void {
    this.#children.get(name)?.restart();
  }

  /** Ends a part for good. */
  async stop(name: string): Promise<void> {
    await this.#children.get(name)?.stop();
  }
}
