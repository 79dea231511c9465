import type { ResourceType } from '../link/types.ts';
import { trap } from './traps.ts';

/** One entry of a handle table. `rep` is the host's object itself, or the guest's i32 representation. */
export class Handle {
  readonly resource: ResourceType;
  readonly rep: unknown;
  readonly isOwn: boolean;
  /** Borrows of this handle that are out in the call being made. */
  lends = 0;

  constructor(resource: ResourceType, rep: unknown, isOwn: boolean) {
    this.resource = resource;
    this.rep = rep;
    this.isOwn = isOwn;
  }
}

/** The handles of one component instance ("Canonical ABI", table state). Index 0 is never given out. */
export class HandleTable {
  readonly #limit: number;
  readonly #entries: (Handle | undefined)[] = [undefined];
  readonly #free: number[] = [];
  #live = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get live(): number {
    return this.#live;
  }

  add(resource: ResourceType, rep: unknown, isOwn: boolean): number {
    if (this.#live >= this.#limit)
      trap('ERR_TRAP_LIMIT', `The guest holds more than ${this.#limit} handles.`);
    this.#live++;
    const handle = new Handle(resource, rep, isOwn);
    const index = this.#free.pop();
    if (index === undefined) return this.#entries.push(handle) - 1;
    this.#entries[index] = handle;
    return index;
  }

  get(index: number, resource: ResourceType): Handle {
    const handle = this.#entries[index];
    if (handle === undefined) return trap('ERR_TRAP_HANDLE', `There is no handle ${index}.`);
    if (handle.resource !== resource)
      return trap('ERR_TRAP_HANDLE', `Handle ${index} is of another resource.`);
    return handle;
  }

  remove(index: number, resource: ResourceType): Handle {
    const handle = this.get(index, resource);
    if (handle.lends !== 0) return trap('ERR_TRAP_HANDLE', `Handle ${index} is lent to a call.`);
    this.#entries[index] = undefined;
    this.#free.push(index);
    this.#live--;
    return handle;
  }

  /** Takes a handle out as `own` and gives its representation. */
  take(index: number, resource: ResourceType): unknown {
    const handle = this.get(index, resource);
    if (!handle.isOwn) return trap('ERR_TRAP_HANDLE', `Handle ${index} is only borrowed.`);
    return this.remove(index, resource).rep;
  }
}
