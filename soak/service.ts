// A process of the soak: started, asked, stopped and woken by signals, and never left behind.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Footprint } from './services/answer.ts';

const FLAGS = ['--conditions=@muster/source', '--disable-warning=ExperimentalWarning', '--expose-gc'];
const LEAVING_MS = 15_000;
const started = new Set<ChildProcess>();

// A process that stands still cannot hear that it shall leave.
process.once('exit', () => {
  for (const child of started) {
    child.kill('SIGTERM');
    child.kill('SIGCONT');
  }
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export class Service implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  private constructor(name: string) {
    this.name = name;
    this.#child = fork(fileURLToPath(new URL(`services/${name}.ts`, import.meta.url)), [], {
      execArgv: FLAGS,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    started.add(this.#child);
    this.#child.on('message', (answer: Answer) => {
      this.#settle(answer);
    });
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => {
      started.delete(this.#child);
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`The ${name} ended with ${String(code ?? signal)}`));
      }
    });
  }

  /** Starts services/<name>.ts, which answers a method `start`: `ready` is its answer. */
  static async start(name: string, params: object): Promise<{ service: Service; ready: unknown }> {
    const service = new Service(name);
    try {
      return { service, ready: await service.ask<unknown>('start', params) };
    } catch (error) {
      await service.stop();
      throw error;
    }
  }

  async ask<T>(method: string, params: object = {}): Promise<T> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error(`Cannot ask the ${this.name}: it has ended`);
    }
    this.#calls += 1;
    const number = this.#calls;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(number, waiting);
    this.#child.send({ number, method, params });
    return (await waiting.promise) as T;
  }

  async footprint(): Promise<Footprint> {
    return await this.ask<Footprint>('footprint');
  }

  /** SIGSTOP: the process stands still and its sockets stay open. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** SIGCONT. */
  wake(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    this.wake();
    if (this.#child.connected) this.#child.disconnect();
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVING_MS);
    await this.#ended;
    clearTimeout(killer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if ('error' in answer) waiting?.reject(new Error(`The ${this.name} failed: ${answer.error}`));
    else waiting?.resolve(answer.result);
  }
}
