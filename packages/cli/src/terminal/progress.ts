import { styleText } from 'node:util';
import { formatDuration } from '../duration.ts';
import type { Output } from '../io.ts';

/** Tells a person what is going on, step by step. */
export interface Progress {
  /** Begins a step; the one before must have ended. */
  begin(title: string): void;
  /** What the step does at this moment. Shown on a terminal only. */
  detail(text: string): void;
  /** Ends the step; `result` follows its title. */
  done(result?: string): void;
  /** Ends the step, if one is open, as failed. */
  fail(): void;
  /** A line of its own, between or during steps. */
  note(text: string): void;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/** Progress on a stream: a line that lives on a terminal, plain finished lines elsewhere. */
export function createProgress(output: Output, now: () => number = Date.now): Progress {
  return output.isTTY === true ? new LiveProgress(output, now) : new PlainProgress(output, now);
}

class PlainProgress implements Progress {
  readonly #output: Output;
  readonly #now: () => number;
  #title = '';
  #since = 0;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  begin(title: string): void {
    this.#title = title;
    this.#since = this.#now();
  }

  detail(): void {}

  done(result = ''): void {
    this.#output.write(`${finished(this.#title, result, this.#now() - this.#since)}\n`);
    this.#title = '';
  }

  fail(): void {
    if (this.#title !== '') this.#output.write(`${this.#title}: failed\n`);
    this.#title = '';
  }

  note(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

class LiveProgress implements Progress {
  readonly #output: Output;
  readonly #now: () => number;
  #title = '';
  #detail = '';
  #since = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  begin(title: string): void {
    this.#title = title;
    this.#detail = '';
    this.#since = this.#now();
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#timer.unref();
    this.#draw();
  }

  detail(text: string): void {
    this.#detail = text;
    this.#draw();
  }

  done(result = ''): void {
    this.#end(`${styleText('green', '✔')} ${finished(this.#title, result, this.#now() - this.#since)}`);
  }

  fail(): void {
    if (this.#title !== '') this.#end(`${styleText('red', '✘')} ${this.#title}`);
  }

  note(text: string): void {
    this.#output.write(`\r\u001b[K${text}\n`);
    this.#draw();
  }

  #end(line: string): void {
    clearInterval(this.#timer);
    this.#title = '';
    this.#output.write(`\r\u001b[K${line}\n`);
  }

  #draw(): void {
    if (this.#title === '') return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const seconds = formatDuration(this.#now() - this.#since);
    const plain = `${this.#title} ${seconds}${this.#detail === '' ? '' : `  ${this.#detail}`}`;
    // A line that wraps could not be taken back.
    const line = plain.slice(0, Math.max(10, (this.#output.columns ?? 80) - 3));
    this.#output.write(`\r\u001b[K${styleText('cyan', FRAMES[this.#frame] ?? '')} ${line}`);
  }
}

function finished(title: string, result: string, tookMs: number): string {
  const took = tookMs < 1_000 ? '' : ` (${formatDuration(tookMs)})`;
  return `${title}${result === '' ? '' : `: ${result}`}${took}`;
}
