import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';

/** Tells when something changes in a directory, which may come, go and be replaced. */
export class DirectoryWatch {
  readonly #directory: string;
  readonly #onChange: () => void;
  #watcher: FSWatcher | undefined;
  /** Device and inode of what is watched: a watch follows the directory, not its name. */
  #watched: string | undefined;

  constructor(directory: string, onChange: () => void) {
    this.#directory = directory;
    this.#onChange = onChange;
  }

  /** Watches the directory that now has the name, unless that is done already. Where that cannot be, nothing is told until the next call. */
  attach(): void {
    const present = identify(this.#directory);
    if (present === this.#watched && this.#watcher !== undefined) {
      return;
    }
    this.detach();
    if (present === undefined) {
      return;
    }
    try {
      const watcher = watch(this.#directory, () => {
        this.#onChange();
      });
      watcher.on('error', () => {
        this.detach();
      });
      this.#watcher = watcher;
      this.#watched = present;
    } catch {
      // Out of watches, or gone again. Whoever calls this looks from time to time as well.
    }
  }

  detach(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = undefined;
  }
}

function identify(directory: string): string | undefined {
  const status = statSync(directory, { throwIfNoEntry: false, bigint: true });
  return status === undefined ? undefined : `${status.dev}:${status.ino}`;
}
