import type { CoreModule } from '../engine.ts';
import type { Plan } from './steps.ts';

/** One top-level import of a component, as read from its binary. */
export interface ComponentImport {
  /** The import's name without its version: `wasi:http/types`. */
  readonly name: string;
  /** The version behind the `@`, where there is one: `0.2.12`. */
  readonly version: string | undefined;
  readonly kind: ExternKind;
}

/** One top-level export of a component, as read from its binary. */
export interface ComponentExport {
  readonly name: string;
  readonly version: string | undefined;
  readonly kind: ExternKind;
}

export type ExternKind = 'instance' | 'function' | 'type' | 'component' | 'module' | 'value';

/** A component that is decoded, validated, linked and compiled; instantiate it as often as wanted. */
export interface CompiledComponent {
  readonly imports: readonly ComponentImport[];
  readonly exports: readonly ComponentExport[];
  /** The core modules in the order of their first use; post them to a worker to avoid compiling again. */
  readonly modules: readonly CoreModule[];
  readonly plan: Plan;
}

/** A host function; receives lifted arguments and returns the value to lower. `this` is undefined. */
// oxlint-disable-next-line typescript/no-explicit-any -- the guest's types decide the arguments
export type HostFunction = (...args: any[]) => unknown;

/** A host class for a resource: `new` for the constructor, prototype methods, static functions, `Symbol.dispose`. */
// oxlint-disable-next-line typescript/no-explicit-any -- the guest's types decide the arguments
export type HostClass = abstract new (...args: any[]) => object;

/** What one imported interface is made of: functions in camelCase, resource classes in PascalCase. */
export type ImportInterface = Readonly<Record<string, HostFunction | HostClass | undefined>>;

/**
 * Everything a component may reach, by import name. An interface is found by its exact name or by a version
 * of the same semver track (`0.2.x`); a function imported by the world itself stands under its plain name.
 */
export type ImportObject = Readonly<Record<string, ImportInterface | HostFunction | HostClass>>;

/** A function exported by an instance. It returns a promise exactly where the instance has suspending imports. */
// oxlint-disable-next-line typescript/no-explicit-any -- the guest's types decide the arguments
export type ExportedFunction = (...args: any[]) => any;

// oxlint-disable-next-line typescript/no-explicit-any -- the guest's types decide the arguments
export type ExportedClass = new (...args: any[]) => Disposable;

/** An exported interface: null prototype, functions in camelCase, resource classes in PascalCase. */
export interface ExportedInterface {
  readonly [name: string]: ExportedFunction | ExportedClass | ExportedInterface | undefined;
}

export interface InstanceStats {
  /** Current size of the linear memories that values pass through, in bytes. */
  readonly memoryBytes: number;
  /** Live handles in all handle tables of the tree. */
  readonly handles: number;
}

export interface ComponentInstance {
  /** Interfaces under their full name (`wasi:http/incoming-handler@0.2.12`), functions of the world in camelCase. */
  readonly exports: ExportedInterface;
  /** Finds an exported interface by name, with the same version rule as imports; undefined when absent. */
  findInterface(name: string): ExportedInterface | undefined;
  /** The first trap of this instance, or undefined while it is usable. */
  readonly trap: Error | undefined;
  stats(): InstanceStats;
}
