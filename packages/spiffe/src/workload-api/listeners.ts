/**
 * Calls each listener. What one throws is reported, with `retryInMs` 0, and keeps neither the others nor the source from
 * going on: the state has changed already, whatever a listener makes of it.
 */
export function callListeners<T>(
  listeners: ReadonlySet<(value: T) => void>,
  value: T,
  onError: ((error: Error, retryInMs: number | undefined) => void) | undefined,
): void {
  for (const listener of listeners) {
    try {
      listener(value);
    } catch (error) {
      onError?.(error instanceof Error ? error : new Error('A listener threw', { cause: error }), 0);
    }
  }
}
