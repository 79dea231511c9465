import type { Io } from '../io.ts';

/** A started service, as every part of the project has it. */
export interface Service {
  stop(): Promise<void>;
}

/** What a part says on stdout, as one line of JSON, when it is ready. */
export interface ReadyLine {
  readonly event: 'ready';
  readonly service: string;
  readonly [field: string]: unknown;
}

/** Says that a service is ready, waits until the process shall end (or the service ends by itself), and stops it. */
export async function runService(
  service: Service,
  ready: Omit<ReadyLine, 'event'>,
  io: Io,
  ended?: Promise<unknown>,
): Promise<number> {
  io.stdout.write(`${JSON.stringify({ event: 'ready', ...ready })}\n`);
  const aborted = new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await (ended === undefined ? aborted : Promise.race([aborted, ended]));
  await service.stop();
  return 0;
}
