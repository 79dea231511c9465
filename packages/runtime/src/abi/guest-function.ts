import { engine, type CoreFunction } from '../engine.ts';
import type { FunctionType } from '../link/types.ts';
import { type Codec, type CodecMode, type CodecTable } from './codec.ts';
import type { Context } from './context.ts';
import { lowerArguments, resultReader } from './passing.ts';
import { trap } from './traps.ts';

/** A lifted function of one instance, ready to be called from the host or from another component. */
export interface GuestFunction {
  readonly cx: Context;
  readonly type: FunctionType;
  readonly core: CoreFunction;
  readonly postReturn: CoreFunction | undefined;
  readonly canSuspend: boolean;
}

/** The halves of a call into the guest, around the core call itself ("Canonical ABI", canon lift). */
export interface GuestCall {
  readonly params: readonly Codec[];
  /** Lowers all arguments to flat core values. */
  readonly lower: (values: readonly unknown[]) => unknown[];
  /** Lifts the result, runs post-return and checks that no borrow is left. */
  readonly finish: (core: unknown) => unknown;
  /** The core function, or its promise-returning form where it may suspend. */
  readonly core: CoreFunction;
}

export function guestCall(fn: GuestFunction, codecs: CodecTable, mode: CodecMode): GuestCall {
  const { cx, type, postReturn } = fn;
  const { state } = cx;
  const params = type.params.map((param) => codecs.get(param.type, mode));
  const read = resultReader(type, codecs, mode);
  const hasBorrow = type.params.some((param) => param.type.hasBorrow);
  const core = fn.canSuspend ? engine.promising(fn.core) : fn.core;
  return {
    params,
    core,
    lower: (values) => lowerArguments(cx, type, params, values),
    finish: (result) => {
      cx.refresh();
      const value = read(cx, result);
      if (hasBorrow && state.borrows !== 0) {
        trap('ERR_TRAP_HANDLE', `The guest kept ${state.borrows} borrowed handles after its call.`);
      }
      if (postReturn !== undefined) {
        state.mayLeave = false;
        if (result === undefined) postReturn();
        else postReturn(result);
        state.mayLeave = true;
      }
      return value;
    },
  };
}

/** Marks the instance as entered; a component instance is never entered twice at once. */
export function enterInstance(fn: GuestFunction): void {
  const { state } = fn.cx;
  if (state.isEntered) trap('ERR_TRAP_REENTRANCE', 'A component instance is entered while it is in a call.');
  state.isEntered = true;
  state.borrows = 0;
  fn.cx.refresh();
}
