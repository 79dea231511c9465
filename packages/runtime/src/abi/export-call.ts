import { ComponentError, ResultError } from '../errors.ts';
import type { ExportedFunction } from '../link/component.ts';
import type { Codec, CodecTable } from './codec.ts';
import { enterInstance, guestCall, type GuestCall, type GuestFunction } from './guest-function.ts';
import type { Root } from './state.ts';

/** The err side of `result<T, E>` is thrown, the ok side returned. */
function unwrapResult(value: unknown): unknown {
  const { tag, val } = value as { tag: string; val?: unknown };
  if (tag === 'err') throw new ResultError(val);
  return val;
}

/**
 * What a failed call throws. A wrong argument is the caller's mistake, found before the function was entered,
 * and leaves the instance usable; everything else ends it.
 */
function failure(root: Root, error: unknown, isEntering: boolean): unknown {
  if (root.trap !== undefined) return root.trap;
  if (isEntering && error instanceof ComponentError && error.code === 'ERR_VALUE_INVALID') return error;
  return root.fail(error);
}

/** Makes an exported function callable by the host. */
export function exportFunction(fn: GuestFunction, codecs: CodecTable): ExportedFunction {
  const call = guestCall(fn, codecs, 'host');
  if (fn.canSuspend) return exportSuspending(fn, call);
  const raw = isDirect(fn) ? exportDirect(fn, call) : exportGeneral(fn, call);
  if (fn.type.result?.kind !== 'result') return raw;
  return (...values: unknown[]): unknown => unwrapResult(raw(...values));
}

/** Whether each of at most four parameters is one core value. */
function isDirect({ type }: GuestFunction): boolean {
  return type.params.length <= 4 && type.params.every((param) => param.type.flat.length === 1);
}

function exportDirect(fn: GuestFunction, call: GuestCall): ExportedFunction {
  const { cx } = fn;
  const { root, state } = cx;
  const { core, finish, params } = call;
  const [p0, p1, p2, p3] = params as readonly (Codec | undefined)[];
  const run = (x: unknown, y: unknown, z: unknown, w: unknown): unknown => {
    root.enter();
    let isEntering = true;
    try {
      enterInstance(fn);
      const a = p0?.lower(cx, x);
      const b = p1?.lower(cx, y);
      const c = p2?.lower(cx, z);
      const d = p3?.lower(cx, w);
      isEntering = false;
      const value = finish(callDirect(core, params.length, a, b, c, d));
      state.isEntered = false;
      root.isBusy = false;
      return value;
    } catch (error) {
      state.isEntered = false;
      root.isBusy = false;
      throw failure(root, error, isEntering);
    }
  };
  switch (params.length) {
    case 0:
      return () => run(undefined, undefined, undefined, undefined);
    case 1:
      return (x: unknown) => run(x, undefined, undefined, undefined);
    case 2:
      return (x: unknown, y: unknown) => run(x, y, undefined, undefined);
    default:
      return run;
  }
}

function callDirect(
  core: GuestCall['core'],
  count: number,
  a: unknown,
  b: unknown,
  c: unknown,
  d: unknown,
): unknown {
  switch (count) {
    case 0:
      return core();
    case 1:
      return core(a);
    case 2:
      return core(a, b);
    case 3:
      return core(a, b, c);
    default:
      return core(a, b, c, d);
  }
}

function exportGeneral(fn: GuestFunction, call: GuestCall): ExportedFunction {
  const { root, state } = fn.cx;
  return (...values: unknown[]): unknown => {
    root.enter();
    let isEntering = true;
    try {
      enterInstance(fn);
      const flat = call.lower(values);
      isEntering = false;
      const value = call.finish(call.core(...flat));
      state.isEntered = false;
      root.isBusy = false;
      return value;
    } catch (error) {
      state.isEntered = false;
      root.isBusy = false;
      throw failure(root, error, isEntering);
    }
  };
}

function exportSuspending(fn: GuestFunction, call: GuestCall): ExportedFunction {
  const { root, state } = fn.cx;
  const isResult = fn.type.result?.kind === 'result';
  const leave = (): void => {
    state.isEntered = false;
    root.isBusy = false;
  };
  const settle = (core: unknown): unknown => {
    let value: unknown;
    try {
      root.fuel = root.limits.liftBytes;
      value = call.finish(core);
    } catch (error) {
      throw failure(root, error, false);
    } finally {
      leave();
    }
    return isResult ? unwrapResult(value) : value;
  };
  const abandon = (error: unknown): never => {
    leave();
    throw failure(root, error, false);
  };
  const start = (values: readonly unknown[]): Promise<unknown> => {
    root.enter();
    try {
      enterInstance(fn);
      return call.core(...call.lower(values)) as Promise<unknown>;
    } catch (error) {
      leave();
      throw failure(root, error, true);
    }
  };
  return (...values: unknown[]): Promise<unknown> => {
    try {
      return start(values).then(settle, abandon);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}
