import { ComponentError } from '../errors.ts';
import type { CanonNode, CanonOptions, StringEncoding } from './ast.ts';
import { malformed, type Reader } from './reader.ts';

const encodings: readonly StringEncoding[] = ['utf8', 'utf16', 'latin1+utf16'];

/** Built-ins of the 0.3 ABI, refused by name. */
const refusedBuiltins: Readonly<Record<number, string>> = {
  0x05: 'task.cancel',
  0x06: 'subtask.cancel',
  0x08: 'backpressure.set',
  0x09: 'task.return',
  0x0a: 'context.get',
  0x0b: 'context.set',
  0x0c: 'thread.yield',
  0x0d: 'subtask.drop',
  0x0e: 'stream.new',
  0x0f: 'stream.read',
  0x10: 'stream.write',
  0x11: 'stream.cancel-read',
  0x12: 'stream.cancel-write',
  0x13: 'stream.drop-readable',
  0x14: 'stream.drop-writable',
  0x15: 'future.new',
  0x16: 'future.read',
  0x17: 'future.write',
  0x18: 'future.cancel-read',
  0x19: 'future.cancel-write',
  0x1a: 'future.drop-readable',
  0x1b: 'future.drop-writable',
  0x1c: 'error-context.new',
  0x1d: 'error-context.debug-message',
  0x1e: 'error-context.drop',
  0x1f: 'waitable-set.new',
  0x20: 'waitable-set.wait',
  0x21: 'waitable-set.poll',
  0x22: 'waitable-set.drop',
  0x23: 'waitable.join',
  0x24: 'backpressure.inc',
  0x25: 'backpressure.dec',
  0x26: 'thread.index',
  0x27: 'thread.new-indirect',
  0x28: 'thread.resume-later',
  0x29: 'thread.suspend',
  0x2a: 'thread.suspend-then-resume',
  0x2b: 'thread.yield-then-resume',
  0x2c: 'thread.suspend-then-promote',
  0x2d: 'thread.yield-then-promote',
  0x40: 'thread.spawn-ref',
  0x41: 'thread.spawn-indirect',
  0x42: 'thread.available-parallelism',
};

function readOptions(reader: Reader): CanonOptions {
  let encoding: StringEncoding | undefined;
  const indices: (number | undefined)[] = [undefined, undefined, undefined];
  const count = reader.count();
  for (let entry = 0; entry < count; entry++) {
    const at = reader.at;
    const kind = reader.byte();
    if (kind <= 2) {
      if (encoding !== undefined) throw malformed('string encoding is given twice', at);
      encoding = encodings[kind];
    } else if (kind <= 5) {
      if (indices[kind - 3] !== undefined) throw malformed('canonical option is given twice', at);
      indices[kind - 3] = reader.u32();
    } else if (kind <= 7) {
      const name = kind === 6 ? 'async' : 'callback';
      throw new ComponentError(
        'ERR_COMPONENT_UNSUPPORTED',
        `The component uses the option "${name}" (0.3 ABI).`,
      );
    } else {
      throw malformed(`unknown canonical option ${kind}`, at);
    }
  }
  const [memory, realloc, postReturn] = indices;
  return { encoding: encoding ?? 'utf8', memory, realloc, postReturn };
}

export function readCanon(reader: Reader): CanonNode {
  const at = reader.at;
  const opcode = reader.byte();
  switch (opcode) {
    case 0x00: {
      if (reader.byte() !== 0x00) throw malformed('bad sort behind canon lift', at);
      const coreFunction = reader.u32();
      const options = readOptions(reader);
      return { kind: 'lift', coreFunction, options, type: reader.u32() };
    }
    case 0x01: {
      if (reader.byte() !== 0x00) throw malformed('bad sort behind canon lower', at);
      return { kind: 'lower', function: reader.u32(), options: readOptions(reader) };
    }
    case 0x02:
      return { kind: 'resourceNew', resource: reader.u32() };
    case 0x03:
      return { kind: 'resourceDrop', resource: reader.u32() };
    case 0x04:
      return { kind: 'resourceRep', resource: reader.u32() };
    case 0x07:
      throw new ComponentError(
        'ERR_COMPONENT_UNSUPPORTED',
        'The component uses the built-in "resource.drop async" (0.3 ABI).',
      );
    default: {
      const name = refusedBuiltins[opcode];
      if (name === undefined) throw malformed(`unknown canonical built-in 0x${opcode.toString(16)}`, at);
      throw new ComponentError(
        'ERR_COMPONENT_UNSUPPORTED',
        `The component uses the canonical built-in "${name}" (0.3 ABI).`,
      );
    }
  }
}
