import type { CoreSignature } from '../binary/ast.ts';
import { engine, type CoreFunction, type CoreModule } from '../engine.ts';
import type { Root } from './state.ts';

const preamble = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const valueTypes: Readonly<Record<string, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c };

function section(id: number, ...contents: number[]): number[] {
  return [id, contents.length, ...contents];
}

/** A module whose only function traps. */
const trapModule = new engine.Module(
  Uint8Array.from([
    ...preamble,
    ...section(0x01, 0x01, 0x60, 0x00, 0x00),
    ...section(0x03, 0x01, 0x00),
    ...section(0x07, 0x01, 0x01, 0x74, 0x00, 0x00),
    ...section(0x0a, 0x01, 0x03, 0x00, 0x00, 0x0b),
  ]),
);

/**
 * Leaves JavaScript by a real wasm trap. A guest can catch every JavaScript exception with `catch_all`, but not
 * a trap, also not one that passes through JavaScript frames.
 */
export const trapNow: () => never = new engine.Instance(trapModule, {}).exports['t'] as () => never;

const maxGates = 1_000;
const gates = new Map<string, CoreModule>();

function encodeSignature({ params, results }: CoreSignature): number[] {
  const code = (type: string): number => valueTypes[type] ?? 0;
  return [0x60, params.length, ...params.map(code), results.length, ...results.map(code)];
}

/** A module with one function of the signature that calls `s` and then `c`. At most 17 parameters. */
function gateModule(signature: CoreSignature): CoreModule {
  const key = `${signature.params.join()}:${signature.results.join()}`;
  let module = gates.get(key);
  if (module === undefined) {
    const body = [
      0x00,
      ...signature.params.flatMap((_, index) => [0x20, index]),
      0x10,
      0x00,
      0x10,
      0x01,
      0x0b,
    ];
    module = new engine.Module(
      Uint8Array.from([
        ...preamble,
        ...section(0x01, 0x02, ...encodeSignature(signature), 0x60, 0x00, 0x00),
        ...section(0x02, 0x02, 0x00, 0x01, 0x73, 0x00, 0x00, 0x00, 0x01, 0x63, 0x00, 0x01),
        ...section(0x03, 0x01, 0x00),
        ...section(0x07, 0x01, 0x01, 0x67, 0x00, 0x02),
        ...section(0x0a, 0x01, body.length, ...body),
      ]),
    );
    // Guests choose signatures, so the cache may not grow with them.
    if (gates.size >= maxGates) gates.clear();
    gates.set(key, module);
  }
  return module;
}

/**
 * Makes a promise-returning function into a core function that suspends its caller. A failure cannot be thrown
 * through the suspension without the guest being able to catch it, so `fn` never rejects: it records the trap,
 * and the gate traps on the way back.
 */
export function suspendingFunction(root: Root, signature: CoreSignature, fn: CoreFunction): CoreFunction {
  const check = (): void => {
    if (root.trap !== undefined) trapNow();
  };
  const imports = { '': { s: new engine.Suspending(fn), c: check } };
  return new engine.Instance(gateModule(signature), imports).exports['g'] as CoreFunction;
}
