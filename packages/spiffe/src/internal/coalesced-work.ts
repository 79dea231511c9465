/** Runs the same work once at a time. What is asked for meanwhile is run once more afterwards, however often it was asked. */
export class CoalescedWork {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #isAskedAgain = false;
  #isClosed = false;

  /** `work` must not reject. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  request(): void {
    if (this.#isClosed) {
      return;
    }
    if (this.#running !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isAskedAgain = false;
    this.#track(this.#work());
  }

  /** Runs something else first. Its failure is the caller's, and nothing runs after it. */
  async first(work: Promise<void>): Promise<void> {
    const guarded = work.catch(() => {
      this.#isClosed = true;
    });
    this.#track(guarded);
    await work;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Begins nothing any more, and resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  #track(work: Promise<void>): void {
    this.#running = work.finally(() => {
      this.#running = undefined;
      if (this.#isAskedAgain) {
        this.request();
      }
    });
  }
}
