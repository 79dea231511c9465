import { ComponentError } from '../errors.ts';
import type { CoreSignature, CoreTypeNode } from './ast.ts';
import { malformed, type Reader } from './reader.ts';

const numericTypes: Readonly<Record<number, string>> = {
  0x7f: 'i32',
  0x7e: 'i64',
  0x7d: 'f32',
  0x7c: 'f64',
  0x7b: 'v128',
  0x70: 'funcref',
  0x6f: 'externref',
};

/** A value type whose equality depends on the module it stands in; only the engine can compare it. */
export const opaqueType = '?';

/** Reads a core value type; types with indices become {@link opaqueType}. */
export function readCoreValueType(reader: Reader): string {
  const at = reader.at;
  const byte = reader.byte();
  const known = numericTypes[byte];
  if (known !== undefined) return known;
  if (byte === 0x63 || byte === 0x64) {
    reader.s33();
    return opaqueType;
  }
  if (byte >= 0x65 && byte <= 0x75) return `ref ${byte}`;
  throw malformed(`unknown core type 0x${byte.toString(16)}`, at);
}

export function readCoreSignature(reader: Reader): CoreSignature {
  const params = reader.vector(() => readCoreValueType(reader));
  const results = reader.vector(() => readCoreValueType(reader));
  return { params, results };
}

export interface CoreExtent {
  readonly min: number;
  readonly max: number | undefined;
}

/** Reads the limits of a memory or table; shared and 64-bit ones are refused. */
export function readCoreExtent(reader: Reader): CoreExtent {
  const flags = reader.byte();
  if (flags > 1) {
    throw new ComponentError(
      'ERR_COMPONENT_UNSUPPORTED',
      `The component has a shared, 64-bit or custom-page memory or table (limits flag ${flags}).`,
    );
  }
  const min = reader.u32();
  return { min, max: flags === 1 ? reader.u32() : undefined };
}

/** Skips the type part of a core import or of a module type's declarator. */
function skipCoreExtern(reader: Reader): void {
  const kind = reader.byte();
  switch (kind) {
    case 0x00:
      reader.u32();
      return;
    case 0x01:
      readCoreValueType(reader);
      readCoreExtent(reader);
      return;
    case 0x02:
      readCoreExtent(reader);
      return;
    case 0x03:
      readCoreValueType(reader);
      reader.byte();
      return;
    case 0x04:
      reader.byte();
      reader.u32();
      return;
    default:
      throw malformed(`unknown core extern kind ${kind}`, reader.at - 1);
  }
}

function skipModuleDeclaration(reader: Reader): void {
  const kind = reader.byte();
  switch (kind) {
    case 0x00:
      reader.name();
      reader.name();
      skipCoreExtern(reader);
      return;
    case 0x01:
      if (reader.peek() === 0x50) throw malformed('nested module type', reader.at);
      readCoreType(reader);
      return;
    case 0x02:
      if (reader.byte() !== 0x10 || reader.byte() !== 0x01) throw malformed('bad core alias', reader.at);
      reader.u32();
      reader.u32();
      return;
    case 0x03:
      reader.name();
      skipCoreExtern(reader);
      return;
    default:
      throw malformed(`unknown module declarator ${kind}`, reader.at - 1);
  }
}

/** Reads one core type definition of a component; garbage-collected types are refused. */
export function readCoreType(reader: Reader): CoreTypeNode {
  const opcode = reader.byte();
  switch (opcode) {
    case 0x60:
      return { kind: 'function', signature: readCoreSignature(reader) };
    case 0x50: {
      const count = reader.count();
      for (let index = 0; index < count; index++) skipModuleDeclaration(reader);
      return { kind: 'module' };
    }
    default:
      throw new ComponentError(
        'ERR_COMPONENT_UNSUPPORTED',
        `The component defines a core type of kind 0x${opcode.toString(16)}.`,
      );
  }
}
