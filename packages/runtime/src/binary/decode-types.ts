import { ComponentError } from '../errors.ts';
import type {
  CaseUse,
  Declaration,
  ExternNode,
  FunctionNode,
  NamedUse,
  PrimitiveName,
  TypeNode,
  TypeUse,
} from './ast.ts';
import { readCoreType } from './decode-core.ts';
import { readAlias } from './decode-sorts.ts';
import { isLabel, parseExternName, tryParseExternName, uniquenessKey } from './names.ts';
import { malformed, type Reader } from './reader.ts';

const primitives: Readonly<Record<number, PrimitiveName>> = {
  0x7f: 'bool',
  0x7e: 's8',
  0x7d: 'u8',
  0x7c: 's16',
  0x7b: 'u16',
  0x7a: 's32',
  0x79: 'u32',
  0x78: 's64',
  0x77: 'u64',
  0x76: 'f32',
  0x75: 'f64',
  0x74: 'char',
  0x73: 'string',
};

/** Type constructors that this runtime knows by name only. */
const refusedTypes: Readonly<Record<number, string>> = {
  0x67: 'a list of fixed length',
  0x66: 'a stream',
  0x65: 'a future',
  0x64: 'an error context',
  0x63: 'a map',
  0x43: 'an async function type',
};

function refuseType(opcode: number, at: number): never {
  const name = refusedTypes[opcode];
  if (name === undefined) throw malformed(`unknown type opcode 0x${opcode.toString(16)}`, at);
  throw new ComponentError('ERR_COMPONENT_UNSUPPORTED', `The component uses ${name}.`);
}

export function readTypeUse(reader: Reader): TypeUse {
  const at = reader.at;
  const code = reader.s33();
  if (code >= 0) return code;
  return primitives[code + 0x80] ?? refuseType(code + 0x80, at);
}

function readOptionalUse(reader: Reader): TypeUse | undefined {
  const present = reader.byte();
  if (present > 1) throw malformed('bad option byte', reader.at - 1);
  return present === 1 ? readTypeUse(reader) : undefined;
}

function readLabel(reader: Reader): string {
  const at = reader.at;
  const label = reader.name();
  if (!isLabel(label)) throw malformed(`${JSON.stringify(label.slice(0, 80))} is not a label`, at);
  return label;
}

/** Labels of one scope must differ even in lower case. */
function readLabels<T extends { readonly name: string }>(reader: Reader, what: string, item: () => T): T[] {
  const at = reader.at;
  const items = reader.vector(item);
  const seen = new Set(items.map(({ name }) => uniquenessKey(name)));
  if (seen.size !== items.length) throw malformed(`${what} names are not unique`, at);
  return items;
}

function readNonEmptyLabels(reader: Reader, what: string): string[] {
  const labels = readLabels(reader, what, () => ({ name: readLabel(reader) })).map(({ name }) => name);
  if (labels.length === 0) throw malformed(`${what} without entries`, reader.at);
  return labels;
}

function readFields(reader: Reader, what: string): NamedUse[] {
  return readLabels(reader, what, () => ({ name: readLabel(reader), type: readTypeUse(reader) }));
}

function readCase(reader: Reader): CaseUse {
  const name = readLabel(reader);
  const type = readOptionalUse(reader);
  if (reader.byte() !== 0) throw malformed('case does not end in 0x00', reader.at - 1);
  return { name, type };
}

function readFunction(reader: Reader): FunctionNode {
  const params = readFields(reader, 'parameter');
  const form = reader.byte();
  if (form === 0x00) return { kind: 'function', params, result: readTypeUse(reader) };
  if (form !== 0x01 || reader.byte() !== 0x00) throw malformed('bad result list', reader.at - 1);
  return { kind: 'function', params, result: undefined };
}

function nonEmpty<T>(items: T[], what: string, at: number): T[] {
  if (items.length === 0) throw malformed(`${what} without entries`, at);
  return items;
}

/** Reads one type definition. `depth` counts component and instance types around it. */
export function readType(reader: Reader, depth: number): TypeNode {
  const at = reader.at;
  const opcode = reader.byte();
  const primitive = primitives[opcode];
  if (primitive !== undefined) return { kind: 'primitive', name: primitive };
  switch (opcode) {
    case 0x72:
      return { kind: 'record', fields: nonEmpty(readFields(reader, 'record field'), 'record', at) };
    case 0x71:
      return {
        kind: 'variant',
        cases: nonEmpty(
          readLabels(reader, 'variant case', () => readCase(reader)),
          'variant',
          at,
        ),
      };
    case 0x70:
      return { kind: 'list', element: readTypeUse(reader) };
    case 0x6f:
      return {
        kind: 'tuple',
        elements: nonEmpty(
          reader.vector(() => readTypeUse(reader)),
          'tuple',
          at,
        ),
      };
    case 0x6e: {
      const labels = readNonEmptyLabels(reader, 'flags');
      if (labels.length > 32) throw malformed('more than 32 flags', at);
      return { kind: 'flags', labels };
    }
    case 0x6d:
      return { kind: 'enum', labels: readNonEmptyLabels(reader, 'enum') };
    case 0x6b:
      return { kind: 'option', element: readTypeUse(reader) };
    case 0x6a: {
      const ok = readOptionalUse(reader);
      return { kind: 'result', ok, err: readOptionalUse(reader) };
    }
    case 0x69:
      return { kind: 'own', resource: reader.u32() };
    case 0x68:
      return { kind: 'borrow', resource: reader.u32() };
    case 0x40:
      return readFunction(reader);
    case 0x41:
      return { kind: 'componentType', declarations: readDeclarations(reader, depth + 1, true) };
    case 0x42:
      return { kind: 'instanceType', declarations: readDeclarations(reader, depth + 1, false) };
    case 0x3f: {
      if (reader.byte() !== 0x7f) throw malformed('resource representation is not i32', reader.at - 1);
      const hasDestructor = reader.byte();
      if (hasDestructor > 1) throw malformed('bad option byte', reader.at - 1);
      return { kind: 'resource', destructor: hasDestructor === 1 ? reader.u32() : undefined };
    }
    default:
      return refuseType(opcode, at);
  }
}

function readDeclarations(reader: Reader, depth: number, hasImports: boolean): Declaration[] {
  checkNesting(reader, depth);
  const imports = new Set<string>();
  const exports = new Set<string>();
  return reader.vector((): Declaration => {
    const at = reader.at;
    const opcode = reader.byte();
    switch (opcode) {
      case 0x00:
        return { kind: 'coreType', type: readCoreType(reader) };
      case 0x01: {
        const type = readType(reader, depth);
        if (type.kind === 'resource') throw malformed('resource definition inside a type', at);
        return { kind: 'type', type };
      }
      case 0x02:
        return readAlias(reader);
      case 0x03: {
        if (!hasImports) throw malformed('import inside an instance type', at);
        const name = readExternName(reader, imports);
        return { kind: 'importDeclaration', name, type: readExtern(reader) };
      }
      case 0x04: {
        const name = readExternName(reader, exports);
        return { kind: 'exportDeclaration', name, type: readExtern(reader) };
      }
      default:
        throw malformed(`unknown declarator ${opcode}`, at);
    }
  });
}

export function checkNesting(reader: Reader, depth: number): void {
  const most = reader.budget.limits.nesting;
  if (depth > most) {
    throw new ComponentError('ERR_COMPONENT_LIMIT', `The component nests deeper than ${most} levels.`);
  }
}

/** Reads the name of an import or export and adds it to the names of its scope. */
export function readExternName(reader: Reader, scope: Set<string>): string {
  const at = reader.at;
  const form = reader.byte();
  if (form > 2) throw malformed(`unknown name form ${form}`, at);
  const text = reader.name();
  parseExternName(text);
  if (form === 2) readNameAttributes(reader);
  const key = uniquenessKey(text);
  if (scope.has(key)) throw malformed(`${JSON.stringify(text)} appears twice`, at);
  scope.add(key);
  return text;
}

function readNameAttributes(reader: Reader): void {
  const seen = new Set<number>();
  const count = reader.count();
  for (let index = 0; index < count; index++) {
    const at = reader.at;
    const kind = reader.byte();
    if (kind > 2 || seen.has(kind)) throw malformed(`bad name attribute ${kind}`, at);
    seen.add(kind);
    const value = reader.name();
    if (kind === 0 && tryParseExternName(value)?.kind !== 'interface') {
      throw malformed('implements attribute is not an interface name', at);
    }
    if (kind === 1 && !/^[0-9A-Za-z.+-]*$/.test(value)) throw malformed('bad version suffix', at);
  }
}

export function readExtern(reader: Reader): ExternNode {
  const at = reader.at;
  const sort = reader.byte();
  switch (sort) {
    case 0x00:
      if (reader.byte() !== 0x11) throw malformed('bad core extern type', at);
      return { sort: 'core module', index: reader.u32() };
    case 0x01:
      return { sort: 'func', index: reader.u32() };
    case 0x02:
      throw new ComponentError('ERR_COMPONENT_UNSUPPORTED', 'The component imports or exports a value.');
    case 0x03: {
      const bound = reader.byte();
      if (bound === 0x00) return { sort: 'type', bound: 'eq', index: reader.u32() };
      if (bound === 0x01) return { sort: 'type', bound: 'resource' };
      throw malformed(`unknown type bound ${bound}`, at);
    }
    case 0x04:
      return { sort: 'component', index: reader.u32() };
    case 0x05:
      return { sort: 'instance', index: reader.u32() };
    default:
      throw malformed(`unknown extern sort ${sort}`, at);
  }
}
