import type { CanonNode, CanonOptions, CoreSignature, CoreValueType } from '../binary/ast.ts';
import { signatureOfLifted, signatureOfLowered } from '../abi/passing.ts';
import { invalid, type CoreItemEntity, type FunctionEntity, type Scope } from './entities.ts';
import { resolveFunction, resolveResource } from './evaluate.ts';
import type { Planner } from './planner.ts';
import type { CoreRef, ResourceStep } from './steps.ts';
import { maxFlat, type FunctionType } from './types.ts';

const pointer: readonly CoreValueType[] = ['i32'];

function sameSignature(a: CoreSignature | undefined, b: CoreSignature): boolean {
  return a !== undefined && a.params.join() === b.params.join() && a.results.join() === b.results.join();
}

function checkedFunction(scope: Scope, index: number, signature: CoreSignature, what: string): CoreRef {
  const item = scope.get('core func', index);
  if (!sameSignature(item.signature, signature)) throw invalid(`${what} has the wrong core signature`);
  return item.ref;
}

const reallocSignature: CoreSignature = { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] };

/** Resolves memory and realloc and checks that the function's types have what they need of the two. */
function resolveContext(
  planner: Planner,
  scope: Scope,
  options: CanonOptions,
  needs: { readonly memory: boolean; readonly realloc: boolean },
): number {
  if ((needs.memory || needs.realloc) && options.memory === undefined) {
    throw invalid('a function that passes pointers has no memory option');
  }
  if (needs.realloc && options.realloc === undefined) {
    throw invalid('a function that receives lists or strings has no realloc option');
  }
  if (options.realloc !== undefined && options.memory === undefined) {
    throw invalid('a realloc option stands without a memory option');
  }
  return planner.context({
    instance: scope.instance,
    encoding: options.encoding,
    memory: options.memory === undefined ? undefined : scope.get('core memory', options.memory).ref,
    realloc:
      options.realloc === undefined
        ? undefined
        : checkedFunction(scope, options.realloc, reallocSignature, 'a realloc option'),
  });
}

function paramsHavePointer(type: FunctionType): boolean {
  return type.params.some((param) => param.type.hasPointer);
}

export function liftFunction(
  planner: Planner,
  scope: Scope,
  canon: Extract<CanonNode, { kind: 'lift' }>,
): FunctionEntity {
  const type = resolveFunction(scope, canon.type);
  const signature = signatureOfLifted(type);
  const { options } = canon;
  const isSpilled = type.flatParams.length > maxFlat;
  const context = resolveContext(planner, scope, options, {
    memory: isSpilled || type.flatResults.length > 1 || (type.result?.hasPointer ?? false),
    realloc: isSpilled || paramsHavePointer(type),
  });
  const core = checkedFunction(scope, canon.coreFunction, signature, 'a lifted function');
  const postReturn =
    options.postReturn === undefined
      ? undefined
      : checkedFunction(
          scope,
          options.postReturn,
          { params: signature.results, results: [] },
          'a post-return',
        );
  return {
    sort: 'func',
    type,
    target: { kind: 'lift', instance: scope.instance, core, context, postReturn, type },
  };
}

export function lowerFunction(
  planner: Planner,
  scope: Scope,
  canon: Extract<CanonNode, { kind: 'lower' }>,
): CoreItemEntity {
  const { type, target } = scope.get('func', canon.function);
  if (canon.options.postReturn !== undefined) throw invalid('a lowered function has a post-return');
  const context = resolveContext(planner, scope, canon.options, {
    memory: type.flatParams.length > maxFlat || type.flatResults.length > 1 || paramsHavePointer(type),
    realloc: type.result?.hasPointer ?? false,
  });
  planner.steps.push({ kind: 'lower', context, type, target });
  return coreFunction(planner, signatureOfLowered(type));
}

export function resourceFunction(
  planner: Planner,
  scope: Scope,
  kind: ResourceStep['kind'],
  index: number,
): CoreItemEntity {
  const resource = resolveResource(scope, index);
  if (kind !== 'resourceDrop' && resource.instance !== scope.instance) {
    throw invalid('a component makes or opens handles of a resource it does not define');
  }
  planner.steps.push({ kind, instance: scope.instance, resource });
  return coreFunction(planner, { params: pointer, results: kind === 'resourceDrop' ? [] : pointer });
}

function coreFunction(planner: Planner, signature: CoreSignature): CoreItemEntity {
  return { sort: 'core func', ref: { function: planner.coreFunctions++ }, signature };
}
