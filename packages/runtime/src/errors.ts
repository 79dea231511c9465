/** What each code of a {@link ComponentError} means; the documentation is generated from this table. */
export const RUNTIME_ERRORS = {
  ERR_COMPONENT_MALFORMED: 'The bytes are not a well-formed WebAssembly component.',
  ERR_COMPONENT_INVALID:
    'The component is well formed but breaks a validation rule: an index, a type or a signature.',
  ERR_COMPONENT_UNSUPPORTED:
    'The component uses a feature this runtime refuses by name, such as the 0.3 async ABI.',
  ERR_COMPONENT_LIMIT: 'The component asks for more than a compile limit allows.',
  ERR_IMPORT_MISSING: 'An interface, function or resource class that the component imports was not supplied.',
  ERR_IMPORT_INVALID:
    'A supplied import is not a function or class, or has another type than the component declares.',
  ERR_LINK_FAILED: 'The JavaScript engine refused to link or start a core module.',
  ERR_INSTANCE_BUSY: 'The instance is already inside a call; it takes one call at a time.',
  ERR_VALUE_INVALID: 'A JavaScript value does not have the type that the function declares.',
  ERR_TRAP_GUEST: 'The guest trapped: unreachable, out-of-bounds access, or an uncaught exception.',
  ERR_TRAP_STACK: 'The guest used up the stack.',
  ERR_TRAP_MEMORY: 'The guest handed over a pointer or length that is out of bounds or misaligned.',
  ERR_TRAP_VALUE: 'The guest handed over bytes that are no value of the declared type.',
  ERR_TRAP_HANDLE: 'The guest used a handle that does not exist, has another type, or is still lent.',
  ERR_TRAP_LIMIT: 'The guest went past a limit for handles or for bytes turned into values.',
  ERR_TRAP_REENTRANCE: 'A component instance was entered or left where the component model forbids it.',
  ERR_TRAP_HOST: 'A host function failed with an error that the function type cannot express.',
  ERR_TRAP_WASI: 'The guest broke a rule of a WASI function, such as writing more than check-write allowed.',
  ERR_COMPONENT_EXITED: 'The guest ended itself through wasi:cli/exit.',
  ERR_COMPONENT_NO_RESPONSE:
    'The guest returned without setting a response, or left its response body unfinished.',
  ERR_COMPONENT_RESPONSE: 'The guest answered with an error code of wasi:http or with an unusable response.',
  ERR_COMPONENT_DEADLINE: 'The call took longer than its deadline allows.',
  ERR_COMPONENT_OUT_OF_MEMORY: 'The guest or its worker used up the memory it may have.',
  ERR_COMPONENT_BODY_SIZE: 'A request or response body is larger than allowed.',
  ERR_COMPONENT_QUEUE_FULL: 'Too many calls wait for this component.',
  ERR_COMPONENT_ABORTED: 'The caller cancelled the call.',
  ERR_COMPONENT_WORKER:
    'The worker of the component ended, or did not start, for a reason that is not the guest.',
  ERR_COMPONENT_STOPPED: 'The pool of the component is stopped.',
  ERR_IMPORT_NOT_GRANTED: 'The component imports an interface that it was not granted.',
  ERR_EXPORT_MISSING: 'The component does not export the interface it is used for.',
} as const;

export type ComponentErrorCode = keyof typeof RUNTIME_ERRORS;

/** Every failure of this package; branch on `code`. Messages quote names, never payloads. */
export class ComponentError extends Error {
  readonly code: ComponentErrorCode;

  constructor(code: ComponentErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ComponentError';
    this.code = code;
  }
}

/** A failure that ends the instance: every later call of the same instance fails with the first trap's code. */
export class Trap extends ComponentError {
  constructor(code: ComponentErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.name = 'Trap';
  }
}

/**
 * The `err` side of a function whose type is `result<T, E>`: a host function throws it, an exported
 * function throws it. `payload` is the lifted `E`, or undefined where there is none.
 */
export class ResultError extends Error {
  readonly payload: unknown;

  constructor(payload?: unknown) {
    super('The function returned its error result.');
    this.name = 'ResultError';
    this.payload = payload;
  }
}
