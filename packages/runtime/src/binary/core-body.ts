import { ComponentError } from '../errors.ts';
import { highestStack, widestPush, type CoreTypes } from './core-stack.ts';
import { readCoreValueType } from './decode-core.ts';
import type { Reader } from './reader.ts';

/**
 * Reads a code section and bounds what compiling each function may take: at every join of the control flow the engine
 * notes the place of every local and every operand, and can neither be stopped while it does so nor be held to a memory
 * limit. Throws ComponentError.
 */
export function checkBodies(section: Reader, module: CoreTypes): void {
  const count = section.count();
  const imported = module.functions.length - count;
  const widest = widestPush(module);
  for (let index = 0; index < count; index++) {
    const type = module.functions[imported + index];
    const params = type === undefined ? 0 : (module.types[type]?.params.length ?? 0);
    checkBody(section, module, params, widest);
  }
}

function checkBody(section: Reader, module: CoreTypes, params: number, widest: number): void {
  const at = section.at;
  const body = section.slice(section.u32());
  const bytes = section.at - at;
  let locals = params;
  const groups = body.count();
  for (let group = 0; group < groups; group++) {
    locals += body.u32();
    readCoreValueType(body);
  }
  const { functionEffort } = section.budget.limits;
  // An operand takes two bytes at least and a join takes others: half of each is the worst, and needs no second look
  // where it is allowed.
  if (locals * bytes + ((bytes / 2) * (bytes / 2) * widest) / 2 <= functionEffort) return;
  const operands = locals * bytes > functionEffort ? 0 : highestStack(body, module);
  if ((locals + operands) * bytes <= functionEffort) return;
  throw new ComponentError(
    'ERR_COMPONENT_LIMIT',
    `A function with ${locals + operands} locals and operands in ${bytes} bytes is too much to compile; the limit for the product is ${functionEffort}.`,
  );
}
