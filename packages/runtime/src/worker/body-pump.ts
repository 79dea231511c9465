const pieceBytes = 65_536;

/** How a request body ended when it did not end well. */
export type BodyFailure = 'size' | 'aborted';

export interface BodyPumpTarget {
  chunk(bytes: Uint8Array): void;
  end(failure: BodyFailure | undefined): void;
}

/** Moves a streamed request body to the worker, never more than the worker gave credit for. */
export class BodyPump {
  readonly #body: AsyncIterable<Uint8Array>;
  readonly #limitBytes: number;
  readonly #target: BodyPumpTarget;
  #credit = 0;
  #isStarted = false;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(body: AsyncIterable<Uint8Array>, limitBytes: number, target: BodyPumpTarget) {
    this.#body = body;
    this.#limitBytes = limitBytes;
    this.#target = target;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** Reading begins with the first credit; -1 ends it. */
  credit(bytes: number): void {
    if (bytes < 0) return this.stop();
    this.#credit += bytes;
    if (this.#isStarted) this.#wakeUp();
    else void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #run(): Promise<void> {
    this.#isStarted = true;
    let total = 0;
    try {
      for await (const chunk of this.#body) {
        total += chunk.length;
        if (this.#isStopped) return;
        if (total > this.#limitBytes) return this.#target.end('size');
        await this.#send(chunk);
        if (this.#isStopped) return;
      }
    } catch {
      if (!this.#isStopped) this.#target.end('aborted');
      return;
    }
    this.#target.end(undefined);
  }

  async #send(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.length && !this.#isStopped; start += pieceBytes) {
      if (this.#credit <= 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        if (this.#isStopped) return;
      }
      const piece = chunk.subarray(start, start + pieceBytes);
      this.#credit -= piece.length;
      this.#target.chunk(piece);
    }
  }
}
