import type { GuestResource } from '../abi/state.ts';
import { invalidValue } from '../abi/traps.ts';
import type { ExportedClass } from './component.ts';

/** What a wrapper of a guest's resource stands for; `rep` is undefined once it is gone. */
interface Held {
  rep: number | undefined;
  readonly isOwn: boolean;
}

const fromGuest = Symbol('from guest');

export interface ResourceClass extends GuestResource {
  readonly class: ExportedClass;
}

/**
 * Makes the JavaScript class of a resource that the guest defines. Instances hold the representation privately;
 * `Symbol.dispose` runs the guest's destructor. `construct` is the exported constructor, where there is one.
 */
export function createResourceClass(
  name: string,
  drop: (rep: number) => void,
  construct: () => ((...args: unknown[]) => object) | undefined,
): ResourceClass {
  let heldOf: (value: unknown) => Held | undefined = () => undefined;

  const made = class {
    #held: Held;

    static {
      heldOf = (value) =>
        typeof value === 'object' && value !== null && #held in value ? value.#held : undefined;
    }

    constructor(...args: unknown[]) {
      if (args[0] === fromGuest) {
        this.#held = args[1] as Held;
        return;
      }
      const make = construct();
      if (make === undefined) throw invalidValue(`${name} (it has no constructor)`, undefined);
      const other = heldOf(make(...args));
      if (other === undefined) throw invalidValue(`${name} (its constructor may suspend)`, undefined);
      this.#held = { rep: other.rep, isOwn: true };
      other.rep = undefined;
    }

    [Symbol.dispose](): void {
      const { rep, isOwn } = this.#held;
      this.#held.rep = undefined;
      if (rep !== undefined && isOwn) drop(rep);
    }
  };
  Object.defineProperty(made, 'name', { value: name });

  const make = made as unknown as new (mark: symbol, held: Held) => object;
  return {
    class: made,
    wrap: (rep, isOwn) => new make(fromGuest, { rep, isOwn }),
    unwrap: (value, isOwn) => {
      const held = heldOf(value);
      if (held?.rep === undefined || (isOwn && !held.isOwn))
        throw invalidValue(`live resource ${name}`, value);
      const { rep } = held;
      if (isOwn) held.rep = undefined;
      return rep;
    },
  };
}
