import type { CoreSignature } from '../binary/ast.ts';
import type { CoreFunction } from '../engine.ts';
import { ResultError, Trap } from '../errors.ts';
import type { FunctionType } from '../link/types.ts';
import { shifted, type Codec, type CodecTable, type FlatReader } from './codec.ts';
import type { Context } from './context.ts';
import { zeroOf } from './core-values.ts';
import { suspendingFunction, trapNow } from './gate.ts';
import { liftArguments, resultWriter, signatureOfLowered } from './passing.ts';

/** A host function with its receiver already dealt with. */
export type HostCall = (...args: readonly unknown[]) => unknown;

type Core4 = (a?: unknown, b?: unknown, c?: unknown, d?: unknown) => unknown;

/** Reads all parameters from four core values and calls the host. */
function positionalCall(call: HostCall, readers: readonly FlatReader[]): FlatReader {
  const [r0, r1, r2, r3] = readers;
  if (r0 === undefined) return () => call();
  if (r1 === undefined) return (cx, a, b, c, d) => call(r0(cx, a, b, c, d));
  if (r2 === undefined) return (cx, a, b, c, d) => call(r0(cx, a, b, c, d), r1(cx, a, b, c, d));
  if (r3 === undefined) {
    return (cx, a, b, c, d) => call(r0(cx, a, b, c, d), r1(cx, a, b, c, d), r2(cx, a, b, c, d));
  }
  return (cx, a, b, c, d) =>
    call(r0(cx, a, b, c, d), r1(cx, a, b, c, d), r2(cx, a, b, c, d), r3(cx, a, b, c, d));
}

/** The number of arguments matters: the engine's wrapper is fastest when it is exact. */
function withArity(core: Core4, count: number): CoreFunction {
  switch (count) {
    case 0:
      return () => core();
    case 1:
      return (a) => core(a);
    case 2:
      return (a, b) => core(a, b);
    case 3:
      return (a, b, c) => core(a, b, c);
    default:
      return (a, b, c, d) => core(a, b, c, d);
  }
}

/** What a thrown value says about a function whose type is `result<T, E>`: the err payload, or a trap. */
function errorResult(error: unknown): { tag: 'err'; val: unknown } {
  if (error instanceof ResultError) return { tag: 'err', val: error.payload };
  if (!(error instanceof Error)) return { tag: 'err', val: error };
  if (!(error instanceof Trap) && Object.hasOwn(error, 'payload')) {
    return { tag: 'err', val: (error as Error & { payload: unknown }).payload };
  }
  throw error;
}

/** Lifts parameters, calls the host and gives what it returns; `result<T, E>` becomes a tagged value. */
function withResult(type: FunctionType, call: FlatReader): FlatReader {
  if (type.result?.kind !== 'result') return call;
  return (cx, a, b, c, d) => {
    try {
      return { tag: 'ok', val: call(cx, a, b, c, d) };
    } catch (error) {
      return errorResult(error);
    }
  };
}

/** Ends the guest: records the trap and leaves where it cannot be caught. */
function failNow(cx: Context, error: unknown): never {
  cx.root.fail(error);
  return trapNow();
}

/** Makes the core function through which a guest calls a host function ("Canonical ABI", canon lower). */
export function lowerHostFunction(
  cx: Context,
  type: FunctionType,
  codecs: CodecTable,
  call: HostCall,
  canSuspend: boolean,
): CoreFunction {
  const signature = signatureOfLowered(type);
  const params = type.params.map((param) => codecs.get(param.type, 'host'));
  const count = signature.params.length;
  if (canSuspend) return lowerSuspending(cx, type, signature, params, codecs, call);
  const write = resultWriter(type, codecs, 'host');
  const countsLends = hasOwnAndBorrow(type);
  const { state } = cx;
  const returnAt = signature.results.length === 0 && type.result !== undefined ? count - 1 : undefined;

  if (count <= 4 && type.flatParams.length <= 4 && !countsLends) {
    const readers: FlatReader[] = [];
    let start = 0;
    for (const [index, codec] of params.entries()) {
      readers.push(shifted(codec.lift, start));
      start += type.params[index]?.type.flat.length ?? 0;
    }
    const run = withResult(type, positionalCall(call, readers));
    const core: Core4 = (a, b, c, d) => {
      try {
        state.leave();
        cx.refresh();
        const value = run(cx, a, b, c, d);
        return write(cx, value, returnAt === 0 ? a : returnAt === 1 ? b : returnAt === 2 ? c : d);
      } catch (error) {
        return failNow(cx, error);
      }
    };
    return withArity(core, count);
  }
  const run = withResult(type, (cx, flat) => call(...liftArguments(cx, type, params, flat as unknown[])));
  return (...flat) => {
    try {
      state.leave();
      cx.refresh();
      if (countsLends) state.lends = [];
      const value = run(cx, flat);
      state.endLends();
      return write(cx, value, returnAt === undefined ? undefined : flat[returnAt]);
    } catch (error) {
      return failNow(cx, error);
    }
  };
}

function lowerSuspending(
  cx: Context,
  type: FunctionType,
  signature: CoreSignature,
  params: readonly Codec[],
  codecs: CodecTable,
  call: HostCall,
): CoreFunction {
  const write = resultWriter(type, codecs, 'host');
  const { state, root } = cx;
  const isResult = type.result?.kind === 'result';
  const returnAt = signature.results.length === 0 && type.result !== undefined;
  const zero = signature.results.length === 0 ? undefined : zeroOf(type.flatResults[0]);
  const fail = (error: unknown): unknown => {
    root.fail(error);
    return zero;
  };
  const finish = (value: unknown, flat: readonly unknown[]): unknown => {
    try {
      cx.refresh();
      state.endLends();
      return write(cx, value, returnAt ? flat[flat.length - 1] : undefined);
    } catch (error) {
      return fail(error);
    }
  };
  const finishError = (error: unknown, flat: readonly unknown[]): unknown => {
    if (!isResult) return fail(error);
    try {
      return finish(errorResult(error), flat);
    } catch (failure) {
      return fail(failure);
    }
  };
  const ok = (value: unknown): unknown => (isResult ? { tag: 'ok', val: value } : value);
  const start = (...flat: unknown[]): unknown => {
    let value: unknown;
    try {
      state.leave();
      cx.refresh();
      if (hasOwnAndBorrow(type)) state.lends = [];
      value = call(...liftArguments(cx, type, params, flat));
    } catch (error) {
      return finishError(error, flat);
    }
    if (!(value instanceof Promise)) return finish(ok(value), flat);
    return value.then(
      (settled: unknown) => finish(ok(settled), flat),
      (error: unknown) => finishError(error, flat),
    );
  };
  return suspendingFunction(root, signature, start);
}

/** Only such functions can notice a handle that is lent and given away at once. */
export function hasOwnAndBorrow(type: FunctionType): boolean {
  return type.params.some((param) => param.type.hasOwn) && type.params.some((param) => param.type.hasBorrow);
}
