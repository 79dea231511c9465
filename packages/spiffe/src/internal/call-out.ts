/**
 * Calls what belongs to somebody else. What it throws, at once or by a promise that it returns, goes to `fail`: it must end
 * neither the work at hand nor the process. Returns whether nothing was thrown at once.
 */
export function callOut(run: () => unknown, fail: (error: Error) => void): boolean {
  try {
    const answer = run();
    if (answer instanceof Promise) {
      answer.catch((error: unknown) => {
        fail(toError(error));
      });
    }
    return true;
  } catch (error) {
    fail(toError(error));
    return false;
  }
}

/** Tells a reporter of a failure. One that fails itself is left alone, since there is nobody left to tell. */
export function tellReporter(
  onError: ((error: Error, retryInMs: number | undefined) => void) | undefined,
  error: Error,
  retryInMs: number | undefined,
): void {
  callOut(
    (): unknown => onError?.(error, retryInMs),
    () => {},
  );
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('A handler threw', { cause: error });
}
