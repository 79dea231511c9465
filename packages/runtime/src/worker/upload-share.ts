/** How many calls may be with the workers whose request bodies are still on their way. */
export interface UploadShare {
  readonly inPool: number;
  readonly inWorker: number;
  /** A worker with so many of them is left to them while there are others. */
  readonly fillsWorker: number;
}

/**
 * A client that stalls holds an instance until the deadline, so half of the instances are kept for calls that wait for
 * no client. A single instance is shared by all.
 */
export function uploadShareOf(instances: number, workers: number): UploadShare {
  return {
    inPool: Math.max(1, Math.floor((instances * workers) / 2)),
    inWorker: Math.max(1, Math.floor(instances / 2)),
    fillsWorker: workers === 1 ? Infinity : instances,
  };
}
