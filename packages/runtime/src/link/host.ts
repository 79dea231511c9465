import {
  compareVersions,
  parseExternName,
  toCamelCase,
  toPascalCase,
  versionTrack,
} from '../binary/names.ts';
import type { HostCall } from '../abi/host-call.ts';
import { ComponentError } from '../errors.ts';
import type { HostClass, HostFunction, ImportInterface, ImportObject } from './component.ts';
import type { HostTarget } from './steps.ts';
import type { FunctionType, HostPath, ResourceType } from './types.ts';

const suspendingFunctions = new WeakSet<object>();

/**
 * Marks a host function as one that may return a promise; the guest is suspended until it settles.
 * Functions without the mark are called synchronously and must not return promises.
 */
export function suspending<F extends HostFunction>(fn: F): F {
  suspendingFunctions.add(fn);
  return fn;
}

export function isSuspending(fn: HostFunction): boolean {
  return suspendingFunctions.has(fn);
}

/** A host function found for an import, its receiver already dealt with. */
export interface FoundFunction {
  readonly call: HostCall;
  readonly canSuspend: boolean;
}

function quote(path: HostPath): string {
  return JSON.stringify(path.interfaceName === undefined ? path.name : `${path.interfaceName}#${path.name}`);
}

function missing(path: HostPath): ComponentError {
  return new ComponentError(
    'ERR_IMPORT_MISSING',
    `The component imports ${quote(path)}, which is not supplied.`,
  );
}

function wrongKind(path: HostPath, wanted: string): ComponentError {
  return new ComponentError('ERR_IMPORT_INVALID', `The import ${quote(path)} is not a ${wanted}.`);
}

/** The key that serves a name: the name itself, else the latest version of the same semver track. */
export function findVersioned(keys: readonly string[], wanted: string): string | undefined {
  if (keys.includes(wanted)) return wanted;
  const { base, version } = splitName(wanted);
  if (version === undefined) return undefined;
  const track = versionTrack(version);
  let best: { key: string; version: string } | undefined;
  for (const key of keys) {
    const candidate = splitName(key);
    if (candidate.base !== base || candidate.version === undefined) continue;
    if (versionTrack(candidate.version) !== track) continue;
    if (best === undefined || compareVersions(candidate.version, best.version) > 0) {
      best = { key, version: candidate.version };
    }
  }
  return best?.key;
}

function splitName(name: string): { base: string; version: string | undefined } {
  const at = name.lastIndexOf('@');
  return at < 0
    ? { base: name, version: undefined }
    : { base: name.slice(0, at), version: name.slice(at + 1) };
}

/** An own property, or one inherited from anything but the built-in prototypes. */
function ownMember(object: object, key: string): unknown {
  let holder: object | null = object;
  while (holder !== null && holder !== Object.prototype && holder !== Function.prototype) {
    if (Object.hasOwn(holder, key)) return (object as Record<string, unknown>)[key];
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return undefined;
}

/** Looks up what a component imports in the import object; never by inherited or built-in members. */
export class HostImports {
  readonly #imports: ImportObject;
  readonly #keys: readonly string[];
  readonly #interfaces = new Map<string, ImportInterface | undefined>();

  constructor(imports: ImportObject) {
    this.#imports = imports;
    this.#keys = Object.keys(imports);
  }

  /** The interface that serves an import, by exact name or by version track. */
  #interface(name: string): ImportInterface | undefined {
    if (this.#interfaces.has(name)) return this.#interfaces.get(name);
    const key = findVersioned(this.#keys, name);
    const found = key === undefined ? undefined : this.#imports[key];
    if (found !== undefined && typeof found !== 'object') {
      throw wrongKind({ interfaceName: undefined, name }, 'an interface');
    }
    this.#interfaces.set(name, found);
    return found;
  }

  /** Fails when a whole interface is missing, also one that the component imports and never uses. */
  requireInterface(name: string): void {
    if (this.#interface(name) === undefined) throw missing({ interfaceName: undefined, name });
  }

  #member(path: HostPath, key: string): unknown {
    if (path.interfaceName === undefined) {
      return Object.hasOwn(this.#imports, path.name) ? this.#imports[path.name] : undefined;
    }
    const found = this.#interface(path.interfaceName);
    return found === undefined ? undefined : ownMember(found, key);
  }

  class(resource: ResourceType): HostClass {
    const path = resource.host as HostPath;
    const found = this.#member(path, toPascalCase(path.name));
    if (found === undefined) throw missing(path);
    if (typeof found !== 'function' || typeof (found as HostClass).prototype !== 'object') {
      throw wrongKind(path, 'class');
    }
    return found as HostClass;
  }

  function(target: HostTarget, type: FunctionType): FoundFunction {
    const { path, resource } = target;
    const name = parseExternName(path.name);
    if (resource === undefined || !(name.kind !== 'label' && name.kind !== 'interface')) {
      const key = name.kind === 'interface' ? path.name : toCamelCase(name.label);
      const fn = checkFunction(path, this.#member(path, key));
      return { call: fn, canSuspend: suspendingFunctions.has(fn) };
    }
    const hostClass = this.class(resource);
    if (name.kind === 'constructor') {
      const construct = hostClass as unknown as new (...args: readonly unknown[]) => object;
      return { call: (...args) => new construct(...args), canSuspend: false };
    }
    const key = toCamelCase(name.label);
    if (name.kind === 'static') {
      const fn = checkFunction(path, key === 'prototype' ? undefined : ownMember(hostClass, key));
      return {
        call: (...args) => Reflect.apply(fn, hostClass, args),
        canSuspend: suspendingFunctions.has(fn),
      };
    }
    const { prototype } = hostClass as { prototype: object };
    const fn = checkFunction(path, key === 'constructor' ? undefined : ownMember(prototype, key));
    return { call: methodCall(fn, type.params.length - 1), canSuspend: suspendingFunctions.has(fn) };
  }
}

function checkFunction(path: HostPath, found: unknown): HostFunction {
  if (found === undefined) throw missing(path);
  if (typeof found !== 'function') throw wrongKind(path, 'function');
  return found as HostFunction;
}

/** Calls a method on its first argument; without argument arrays for the usual counts. */
function methodCall(method: HostFunction, count: number): HostCall {
  switch (count) {
    case 0:
      return (self) => method.call(self);
    case 1:
      return (self, x) => method.call(self, x);
    case 2:
      return (self, x, y) => method.call(self, x, y);
    default:
      return (self, ...rest) => method.apply(self, rest);
  }
}
