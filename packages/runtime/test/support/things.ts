import { compileComponent, ResultError, type CompiledComponent } from '../../src/index.ts';
import { allocator, buildGuest } from './build.ts';

/** A guest that works with handle numbers as the test tells it to. */
const wit = `package test:things@0.2.4;
  interface store {
    resource thing {
      constructor(name: string);
      name: func() -> string;
      join: static func(first: thing, second: borrow<thing>) -> result<thing, string>;
      constructor-of: static func();
      call: static func();
    }
    resource other { constructor(); }
    take: func(t: thing);
    make: func() -> thing;
    lend: func(t: borrow<thing>);
    make-all: func() -> list<thing>;
    maybe: func(fail: bool) -> result<u32, string>;
    fault: func() -> result<_, u32>;
  }
  world w {
    import store;
    use store.{thing};
    export hold: func(t: thing) -> u32;
    export peek: func(t: borrow<thing>, drops: bool);
    export new-thing: func() -> u32;
    export new-other: func() -> u32;
    export made: func() -> u32;
    export drop: func(handle: u32);
    export give: func(handle: u32);
    export lend-out: func(handle: u32);
    export give-back: func(handle: u32) -> thing;
    export join: func(first: u32, second: u32) -> u32;
    export last: func() -> u32;
    export try-maybe: func(fail: bool) -> result<u32, string>;
    export try-fault: func() -> u32;
  }`;

const from = '"test:things/store@0.2.4"';

const wat = `(module
  (import ${from} "[constructor]thing" (func $new (param i32 i32) (result i32)))
  (import ${from} "[method]thing.name" (func $name (param i32 i32)))
  (import ${from} "[static]thing.join" (func $join (param i32 i32 i32)))
  (import ${from} "[resource-drop]thing" (func $drop (param i32)))
  (import ${from} "[constructor]other" (func $newOther (result i32)))
  (import ${from} "take" (func $take (param i32)))
  (import ${from} "make" (func $make (result i32)))
  (import ${from} "lend" (func $lend (param i32)))
  (import ${from} "make-all" (func $makeAll (param i32)))
  (import ${from} "maybe" (func $maybe (param i32 i32)))
  (import ${from} "fault" (func $fault (param i32)))
  ${allocator}
  (data (i32.const 32) "name")
  (func (export "hold") (param i32) (result i32) (local.get 0))
  (func (export "peek") (param i32 i32)
    (call $name (local.get 0) (i32.const 64))
    (if (local.get 1) (then (call $drop (local.get 0)))))
  (func (export "new-thing") (result i32) (call $new (i32.const 32) (i32.const 4)))
  (func (export "new-other") (result i32) (call $newOther))
  (func (export "made") (result i32) (call $make))
  (func (export "drop") (param i32) (call $drop (local.get 0)))
  (func (export "give") (param i32) (call $take (local.get 0)))
  (func (export "lend-out") (param i32) (call $lend (local.get 0)))
  (func (export "give-back") (param i32) (result i32) (local.get 0))
  (func (export "join") (param i32 i32) (result i32)
    (call $join (local.get 0) (local.get 1) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64)) (then (i32.const -1)) (else (i32.load (i32.const 68)))))
  (func (export "last") (result i32)
    (call $makeAll (i32.const 64))
    (i32.load offset=4 (i32.load (i32.const 64))))
  (func (export "try-maybe") (param i32) (result i32) (call $maybe (local.get 0) (i32.const 64)) (i32.const 64))
  (func (export "try-fault") (result i32) (call $fault (i32.const 64)) (i32.load (i32.const 68)))
  )`;

export const thingsBinary: Uint8Array = await buildGuest(wit, wat);

/** The component of {@link Thing}: unused static functions are left out by the tool chain. */
export const compiledThings: CompiledComponent = compileComponent(thingsBinary);

export class Thing {
  readonly #name: string;
  static readonly disposed: string[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  name(): string {
    return this.#name;
  }

  static nameOf(thing: Thing): string {
    return thing.#name;
  }

  static join(first: Thing, second: Thing): Thing {
    if (first.#name === 'bad') throw new ResultError('cannot join');
    return new Thing(`${first.#name}+${second.#name}`);
  }

  [Symbol.dispose](): void {
    Thing.disposed.push(this.#name);
  }
}

export class Other {}

export interface ThingHost {
  readonly taken: Thing[];
  readonly lent: Thing[];
  readonly store: Record<string, unknown>;
}

export function thingHost(): ThingHost {
  const taken: Thing[] = [];
  const lent: Thing[] = [];
  return {
    taken,
    lent,
    store: {
      Thing,
      Other,
      take: (thing: Thing) => void taken.push(thing),
      make: () => new Thing('made'),
      lend: (thing: Thing) => void lent.push(thing),
      makeAll: () => [new Thing('one'), new Thing('two')],
      maybe: (fail: boolean) => {
        if (fail) throw new ResultError('as asked');
        return 5;
      },
      fault: () => {
        // oxlint-disable-next-line no-throw-literal -- a thrown value that is no Error is the err payload
        throw 77;
      },
    },
  };
}
