import type { Io, Output } from '../src/io.ts';

/** An output that keeps what was written. */
export class TextOutput implements Output {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';

  constructor(options: { isTTY?: boolean; columns?: number } = {}) {
    this.isTTY = options.isTTY ?? false;
    this.columns = options.columns ?? 80;
  }

  write(text: string): void {
    this.text += text;
  }
}

export interface FakeIo extends Io {
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
}

export function createFakeIo(env: NodeJS.ProcessEnv = {}): FakeIo {
  return { stdout: new TextOutput(), stderr: new TextOutput(), env, signal: new AbortController().signal };
}
