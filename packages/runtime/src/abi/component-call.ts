import type { CoreFunction } from '../engine.ts';
import type { Codec, CodecTable } from './codec.ts';
import type { Context } from './context.ts';
import { zeroOf } from './core-values.ts';
import { suspendingFunction, trapNow } from './gate.ts';
import { enterInstance, guestCall, type GuestCall, type GuestFunction } from './guest-function.ts';
import { hasOwnAndBorrow } from './host-call.ts';
import { liftArguments, resultWriter, signatureOfLowered } from './passing.ts';

/** The caller's half of a call between two components of one tree. */
interface Caller {
  readonly cx: Context;
  begin(flat: readonly unknown[]): unknown[];
  end(value: unknown, flat: readonly unknown[]): unknown;
}

function callerOf(cx: Context, fn: GuestFunction, codecs: CodecTable, params: readonly Codec[]): Caller {
  const { type } = fn;
  const { state } = cx;
  const write = resultWriter(type, codecs, 'inner');
  const countsLends = hasOwnAndBorrow(type);
  return {
    cx,
    begin: (flat) => {
      state.leave();
      cx.refresh();
      if (countsLends) state.lends = [];
      const values = liftArguments(cx, type, params, flat);
      enterInstance(fn);
      return values;
    },
    end: (value, flat) => {
      fn.cx.state.isEntered = false;
      state.endLends();
      cx.refresh();
      return write(cx, value, flat[flat.length - 1]);
    },
  };
}

/**
 * Makes the core function through which one component calls another: values are lifted out of the caller and
 * lowered into the callee; handles keep their raw representation.
 */
export function lowerComponentFunction(cx: Context, fn: GuestFunction, codecs: CodecTable): CoreFunction {
  const call = guestCall(fn, codecs, 'inner');
  const caller = callerOf(cx, fn, codecs, call.params);
  if (fn.canSuspend) return lowerSuspending(caller, fn, call);
  const { root } = cx;
  return (...flat) => {
    try {
      const values = call.lower(caller.begin(flat));
      return caller.end(call.finish(call.core(...values)), flat);
    } catch (error) {
      root.fail(error);
      return trapNow();
    }
  };
}

/** A JavaScript frame may not stand between two suspended wasm frames, so this one suspends itself. */
function lowerSuspending(caller: Caller, fn: GuestFunction, call: GuestCall): CoreFunction {
  const { root } = fn.cx;
  const signature = signatureOfLowered(fn.type);
  const zero = signature.results.length === 0 ? undefined : zeroOf(fn.type.flatResults[0]);
  return suspendingFunction(root, signature, async (...flat) => {
    try {
      const values = call.lower(caller.begin(flat));
      const core: unknown = await call.core(...values);
      root.fuel = root.limits.liftBytes;
      return caller.end(call.finish(core), flat);
    } catch (error) {
      root.fail(error);
      return zero;
    }
  });
}
