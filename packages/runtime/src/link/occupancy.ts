import type { CoreModuleInfo } from '../binary/core-module.ts';
import type { CompileLimits } from '../binary/limits.ts';
import { ComponentError } from '../errors.ts';

const pageBytes = 0x10000;

/** No 32-bit memory has more. */
const maxPages = 0x10000;

/** How much one memory or table counts: what it starts with, and something where it starts empty. */
function weight(extent: { readonly min: number }): number {
  return Math.max(1, extent.min);
}

function total(extents: readonly { readonly min: number }[]): number {
  return extents.reduce((sum, extent) => sum + weight(extent), 0);
}

/** What all memories and tables of a tree start with, counted once per core instance. */
export class Occupancy {
  readonly #limits: CompileLimits;
  #instances = 0;
  #memories = 0;
  #tables = 0;
  #pages = 0;
  #elements = 0;

  constructor(limits: CompileLimits) {
    this.#limits = limits;
  }

  /** Counts one more instance of a core module. Throws ERR_COMPONENT_LIMIT. */
  add({ memories, tables }: CoreModuleInfo): void {
    const limits = this.#limits;
    this.#instances++;
    this.#memories += memories.length;
    this.#tables += tables.length;
    this.#pages += total(memories);
    this.#elements += total(tables);
    check(this.#instances, limits.coreInstances, 'core instances');
    check(this.#memories, limits.memories, 'memories');
    check(this.#tables, limits.tables, 'tables');
    check(this.#pages * pageBytes, limits.memoryBytes, 'bytes of memory at its start');
    check(this.#elements, limits.tableElements, 'table elements at its start');
  }

  /**
   * The maximum for a memory or table that starts with `min`: its share of the whole by what it starts with, so
   * that all maxima together stay within the limit, however often its module is instantiated.
   */
  readonly maxPages = (min: number): number =>
    share(Math.min(maxPages, Math.floor(this.#limits.memoryBytes / pageBytes)), min, this.#pages);

  readonly maxElements = (min: number): number => share(this.#limits.tableElements, min, this.#elements);
}

function share(whole: number, min: number, sum: number): number {
  return Math.max(min, Math.floor((whole * weight({ min })) / Math.max(1, sum)));
}

function check(count: number, most: number, what: string): void {
  if (count > most) {
    throw new ComponentError(
      'ERR_COMPONENT_LIMIT',
      `The component has ${count} ${what}; the limit is ${most}.`,
    );
  }
}
