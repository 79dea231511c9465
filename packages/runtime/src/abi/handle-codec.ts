import type { HandleType, ResourceType } from '../link/types.ts';
import type { Codec, CodecMode } from './codec.ts';
import type { Context } from './context.ts';
import type { GuestResource } from './state.ts';
import { invalidValue } from './traps.ts';

/** Takes a representation out of the guest, gives the value the other side sees, and the way back. */
interface Passing {
  readonly lift: (cx: Context, index: number) => unknown;
  readonly lower: (cx: Context, value: unknown) => number;
}

function liftOwnRep(cx: Context, index: number, resource: ResourceType): unknown {
  return cx.state.handles.take(index, resource);
}

function liftBorrowRep(cx: Context, index: number, resource: ResourceType): unknown {
  const { state } = cx;
  const handle = state.handles.get(index, resource);
  if (state.lends !== undefined) {
    handle.lends++;
    state.lends.push(handle);
  }
  return handle.rep;
}

function lowerBorrowRep(cx: Context, rep: unknown, resource: ResourceType): number {
  const { state } = cx;
  // The defining instance gets the representation itself ("Canonical ABI", lower_borrow).
  if (state.index === resource.instance) return rep as number;
  const index = state.handles.add(resource, rep, false);
  state.borrows++;
  return index;
}

function checkHostObject(cx: Context, value: unknown, resource: ResourceType): unknown {
  const hostClass = cx.root.hostClasses[resource.id];
  if (hostClass === undefined || !(value instanceof hostClass)) {
    throw invalidValue(`resource ${resource.host?.name ?? ''}`, value);
  }
  return value;
}

function guestResource(cx: Context, resource: ResourceType): GuestResource {
  const found = cx.root.guestResources[resource.id];
  if (found === undefined) throw invalidValue('exported resource', undefined);
  return found;
}

function ownPassing(resource: ResourceType, mode: CodecMode): Passing {
  if (mode === 'inner') {
    return {
      lift: (cx, index) => liftOwnRep(cx, index, resource),
      lower: (cx, value) => cx.state.handles.add(resource, value, true),
    };
  }
  if (resource.host !== undefined) {
    return {
      lift: (cx, index) => liftOwnRep(cx, index, resource),
      lower: (cx, value) => cx.state.handles.add(resource, checkHostObject(cx, value, resource), true),
    };
  }
  return {
    lift: (cx, index) => guestResource(cx, resource).wrap(liftOwnRep(cx, index, resource) as number, true),
    lower: (cx, value) =>
      cx.state.handles.add(resource, guestResource(cx, resource).unwrap(value, true), true),
  };
}

function borrowPassing(resource: ResourceType, mode: CodecMode): Passing {
  if (mode === 'inner') {
    return {
      lift: (cx, index) => liftBorrowRep(cx, index, resource),
      lower: (cx, value) => lowerBorrowRep(cx, value, resource),
    };
  }
  if (resource.host !== undefined) {
    return {
      lift: (cx, index) => liftBorrowRep(cx, index, resource),
      lower: (cx, value) => lowerBorrowRep(cx, checkHostObject(cx, value, resource), resource),
    };
  }
  return {
    lift: (cx, index) =>
      guestResource(cx, resource).wrap(liftBorrowRep(cx, index, resource) as number, false),
    lower: (cx, value) => lowerBorrowRep(cx, guestResource(cx, resource).unwrap(value, false), resource),
  };
}

export function handleCodec({ kind, resource }: HandleType, mode: CodecMode): Codec {
  const { lift, lower } = kind === 'own' ? ownPassing(resource, mode) : borrowPassing(resource, mode);
  return {
    load: (cx, at) => lift(cx, cx.view.getUint32(at, true)),
    store: (cx, at, value) => {
      const index = lower(cx, value);
      cx.view.setUint32(at, index, true);
    },
    lift: (cx, a) => lift(cx, (a as number) >>> 0),
    liftFrom: (cx, flat, at) => lift(cx, (flat[at] as number) >>> 0),
    lower,
    lowerInto: (cx, value, flat) => {
      flat.push(lower(cx, value));
    },
  };
}
