import { parseExternName, toCamelCase, toPascalCase } from '../binary/names.ts';
import { exportFunction } from '../abi/export-call.ts';
import type { GuestFunction } from '../abi/guest-function.ts';
import type { CodecTable } from '../abi/codec.ts';
import type { ExportedFunction, ExportedInterface } from './component.ts';
import type { Entity, FunctionEntity } from './entities.ts';
import type { HostImports } from './host.ts';
import { createResourceClass, type ResourceClass } from './resource-class.ts';
import type { LiftTarget } from './steps.ts';
import type { ResourceType } from './types.ts';

/** What building the exports object needs of the instance being made. */
export interface ExportSource {
  readonly codecs: CodecTable;
  guestFunction(target: LiftTarget): GuestFunction;
  drop(resource: ResourceType, rep: number): void;
  readonly host: HostImports;
  readonly classes: Map<ResourceType, ResourceClass>;
}

type Members = Record<string, ExportedFunction | ExportedInterface | ResourceClass['class']>;

function define(target: object, key: string, value: unknown): void {
  // An export called `then` would make its holder look like a promise wherever it is awaited.
  const safeKey = key === 'then' || (key === 'prototype' && typeof target === 'function') ? `${key}_` : key;
  Object.defineProperty(target, safeKey, { value, enumerable: true, configurable: true, writable: false });
}

/** Builds the exports of one instance: null-prototype objects of functions, classes and interfaces. */
export function buildExports(source: ExportSource, entities: ReadonlyMap<string, Entity>): ExportedInterface {
  const members = Object.create(null) as Members;
  const classes = new Map<string, ResourceClass>();
  const constructors = new Map<string, ExportedFunction>();
  for (const [name, entity] of entities) {
    if (entity.sort === 'type' && entity.type.kind === 'resource' && entity.type.host === undefined) {
      const made = resourceClass(source, name, entity.type, constructors);
      classes.set(name, made);
      define(members, toPascalCase(name), made.class);
    } else if (entity.sort === 'instance') {
      define(members, name, buildExports(source, entity.exports));
    } else if (entity.sort === 'func') {
      attach(members, classes, constructors, name, callable(source, entity));
    }
  }
  return Object.freeze(members);
}

function resourceClass(
  source: ExportSource,
  name: string,
  resource: ResourceType,
  constructors: ReadonlyMap<string, ExportedFunction>,
): ResourceClass {
  let made = source.classes.get(resource);
  if (made === undefined) {
    made = createResourceClass(
      toPascalCase(name),
      (rep) => source.drop(resource, rep),
      () => constructors.get(name),
    );
    source.classes.set(resource, made);
  }
  return made;
}

function callable(source: ExportSource, entity: FunctionEntity): ExportedFunction {
  const { target } = entity;
  if (target.kind === 'lift') return exportFunction(source.guestFunction(target), source.codecs);
  return source.host.function(target, entity.type).call;
}

function attach(
  members: Members,
  classes: ReadonlyMap<string, ResourceClass>,
  constructors: Map<string, ExportedFunction>,
  text: string,
  fn: ExportedFunction,
): void {
  const name = parseExternName(text);
  switch (name.kind) {
    case 'interface':
      define(members, text, fn);
      return;
    case 'label':
      define(members, toCamelCase(name.label), fn);
      return;
    case 'constructor':
      constructors.set(name.label, fn);
      return;
    case 'static': {
      const owner = classes.get(name.resource);
      if (owner !== undefined) define(owner.class, toCamelCase(name.label), fn);
      return;
    }
    case 'method': {
      const owner = classes.get(name.resource);
      if (owner === undefined) return;
      define(
        owner.class.prototype as object,
        toCamelCase(name.label),
        function (this: unknown, ...args: unknown[]) {
          return fn(this, ...args) as unknown;
        },
      );
    }
  }
}
