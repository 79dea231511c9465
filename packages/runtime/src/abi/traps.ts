import { engine } from '../engine.ts';
import { ComponentError, Trap, type ComponentErrorCode } from '../errors.ts';

/** Ends the running crossing: the guest broke a rule of the ABI. */
export function trap(code: ComponentErrorCode, message: string): never {
  throw new Trap(code, message);
}

export function invalidValue(expected: string, value: unknown): ComponentError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  return new ComponentError('ERR_VALUE_INVALID', `Expected a value of type ${expected}, found ${found}.`);
}

/** Turns whatever left guest or host code into the trap that ends the instance. */
export function toTrap(error: unknown): Trap {
  if (error instanceof Trap) return error;
  if (error instanceof engine.RuntimeError) {
    return new Trap('ERR_TRAP_GUEST', `The guest trapped: ${error.message}.`, { cause: error });
  }
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
    return new Trap('ERR_TRAP_STACK', 'The guest used up the stack.', { cause: error });
  }
  if (error instanceof ComponentError && error.code !== 'ERR_VALUE_INVALID') {
    return new Trap(error.code, error.message, { cause: error });
  }
  if (error instanceof Error) {
    return new Trap('ERR_TRAP_HOST', `A host function failed: ${error.message}`, { cause: error });
  }
  return new Trap('ERR_TRAP_GUEST', 'The guest ended with an uncaught exception.', { cause: error });
}
