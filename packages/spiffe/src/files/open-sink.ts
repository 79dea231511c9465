import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { isSpiffeError } from '../errors.ts';
import { waitWithin } from '../internal/deadline.ts';
import { checkDurations } from '../internal/durations.ts';
import type { FirstStateOptions } from '../workload-api/source-base.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

interface Sink extends AsyncDisposable {
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Waits until the first files are there, and closes the sink when that fails or takes too long. */
export async function openSink<S extends Sink>(
  sink: S,
  name: string,
  options: FirstStateOptions & { readonly clock?: Clock | undefined },
): Promise<S> {
  checkDurations(`create ${name}`, { timeoutMs: options.timeoutMs }, 'ERR_FILE_OPTIONS');
  try {
    await waitWithin(sink.start(), {
      action: `create ${name}`,
      absence: 'the files were not there',
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      clock: options.clock ?? systemClock,
      signal: options.signal,
    });
    return sink;
  } catch (error) {
    const closed = sink.close();
    // What hangs is not waited for.
    if (!(isSpiffeError(error) && ['ERR_TIMEOUT', 'ERR_ABORTED'].includes(error.code))) {
      await closed;
    }
    throw error;
  }
}
