import type { InstanceLimits } from '../binary/limits.ts';
import type { CoreFunction } from '../engine.ts';
import { ComponentError, type Trap } from '../errors.ts';
import type { HostClass } from '../link/component.ts';
import { type Handle, HandleTable } from './handles.ts';
import { toTrap, trap } from './traps.ts';

/** How values of a guest's resource look to the host; made per instance by the linker. */
export interface GuestResource {
  wrap(rep: number, isOwn: boolean): object;
  /** The representation behind a wrapper; `isOwn` takes it away from the host. Throws ERR_VALUE_INVALID. */
  unwrap(value: unknown, isOwn: boolean): number;
}

/** State of one instantiated tree: the first trap ends all of it. */
export class Root {
  readonly limits: InstanceLimits;
  /** Host classes and guest wrappers by resource number. */
  readonly hostClasses: (HostClass | undefined)[] = [];
  readonly guestResources: (GuestResource | undefined)[] = [];
  readonly destructors: (CoreFunction | undefined)[] = [];
  readonly instances: InstanceState[] = [];
  trap: Trap | undefined;
  isBusy = false;
  /** Bytes that the running crossing may still turn into values. */
  fuel = 0;

  constructor(limits: InstanceLimits) {
    this.limits = limits;
  }

  /** Records the first failure; every later entry repeats it. */
  fail(error: unknown): Trap {
    this.trap ??= toTrap(error);
    return this.trap;
  }

  spend(bytes: number): void {
    this.fuel -= bytes;
    if (this.fuel < 0) {
      trap('ERR_TRAP_LIMIT', `One call passes more than ${this.limits.liftBytes} bytes of values.`);
    }
  }

  /** Starts a call from the host. */
  enter(): void {
    if (this.trap !== undefined) throw this.trap;
    if (this.isBusy) {
      throw new ComponentError('ERR_INSTANCE_BUSY', 'The instance is already inside a call.');
    }
    this.isBusy = true;
    this.fuel = this.limits.liftBytes;
  }
}

/** State of one component instance of the tree ("Canonical ABI", component instance state). */
export class InstanceState {
  readonly root: Root;
  readonly index: number;
  readonly handles: HandleTable;
  mayLeave = true;
  isEntered = false;
  /** Borrowed handles that the running call has not dropped yet. */
  borrows = 0;
  /** Handles lent to the call being made, where that is counted. */
  lends: Handle[] | undefined;

  constructor(root: Root, index: number) {
    this.root = root;
    this.index = index;
    this.handles = new HandleTable(root.limits.handles);
  }

  /** Checks that guest code of this instance may call out. */
  leave(): void {
    const { root } = this;
    if (root.trap !== undefined) throw root.trap;
    if (!this.mayLeave) trap('ERR_TRAP_REENTRANCE', 'The guest calls out of realloc or post-return.');
    root.fuel = root.limits.liftBytes;
  }

  endLends(): void {
    for (const handle of this.lends ?? []) handle.lends--;
    this.lends = undefined;
  }
}
