import { ComponentError } from '../errors.ts';
import type { CoreSignature } from './ast.ts';
import {
  opaqueType,
  readCoreExtent,
  readCoreSignature,
  readCoreValueType,
  type CoreExtent,
} from './decode-core.ts';
import { checkBodies } from './core-body.ts';
import { skipConstantExpression } from './core-expression.ts';
import { malformed, type ReadBudget, Reader } from './reader.ts';

export type CoreExternKind = 'func' | 'table' | 'memory' | 'global' | 'tag';

const externKinds: readonly CoreExternKind[] = ['func', 'table', 'memory', 'global', 'tag'];

export interface CoreImport {
  readonly module: string;
  readonly name: string;
  readonly kind: CoreExternKind;
  readonly signature: CoreSignature | undefined;
}

export interface CoreExport {
  readonly kind: CoreExternKind;
  readonly signature: CoreSignature | undefined;
}

/** A memory or table defined by the module, with the place of its limits in the binary. */
export interface CoreDefinedExtent extends CoreExtent {
  readonly at: number;
  readonly end: number;
}

/** What the linker needs of a core module: the engine tells names and kinds, but no signatures. */
export interface CoreModuleInfo {
  readonly imports: readonly CoreImport[];
  readonly exports: ReadonlyMap<string, CoreExport>;
  readonly memories: readonly CoreDefinedExtent[];
  readonly tables: readonly CoreDefinedExtent[];
  readonly sections: readonly CoreSection[];
}

export interface CoreSection {
  readonly id: number;
  /** Where the section's id byte stands, and where its contents begin and end. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

interface Scan {
  types: CoreSignature[];
  functions: number[];
  tags: number[];
  imports: CoreImport[];
  exports: Map<string, CoreExport>;
  memories: CoreDefinedExtent[];
  tables: CoreDefinedExtent[];
  sections: CoreSection[];
}

/** Scans a core module between two offsets; data is skipped. The engine validates the rest. */
export function scanCoreModule(
  bytes: Uint8Array,
  start: number,
  end: number,
  budget: ReadBudget,
): CoreModuleInfo {
  const reader = new Reader(bytes, budget, start, end);
  for (const expected of [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) {
    if (reader.byte() !== expected) throw malformed('not a core module', start);
  }
  const scan: Scan = {
    types: [],
    functions: [],
    tags: [],
    imports: [],
    exports: new Map(),
    memories: [],
    tables: [],
    sections: [],
  };
  while (!reader.isDone()) {
    const at = reader.at;
    const id = reader.byte();
    reader.spend(1);
    const section = reader.slice(reader.u32());
    scan.sections.push({ id, at, start: section.at, end: section.end });
    readCoreSection(id, section, scan);
  }
  return scan;
}

function readCoreSection(id: number, section: Reader, scan: Scan): void {
  switch (id) {
    case 1:
      readTypes(section, scan);
      break;
    case 2:
      section.vector(() => scan.imports.push(readImport(section, scan)));
      break;
    case 3:
      readFunctions(section, scan);
      break;
    case 4:
      section.vector(() => readTable(section, scan));
      break;
    case 5:
      section.vector(() => readExtent(section, scan.memories));
      break;
    case 7:
      section.vector(() => readExport(section, scan));
      break;
    case 13:
      section.vector(() => readTag(section, scan));
      break;
    case 10:
      checkBodies(section, scan);
      break;
    default:
      return;
  }
  section.expectDone(`core section ${id}`);
}

function readExtent(reader: Reader, into: CoreDefinedExtent[]): void {
  const at = reader.at;
  const extent = readCoreExtent(reader);
  into.push({ ...extent, at, end: reader.at });
}

function readTable(reader: Reader, scan: Scan): void {
  if (reader.peek() !== 0x40) {
    readCoreValueType(reader);
    readExtent(reader, scan.tables);
    return;
  }
  reader.byte();
  if (reader.byte() !== 0x00) throw malformed('bad table definition', reader.at - 1);
  readCoreValueType(reader);
  readExtent(reader, scan.tables);
  skipConstantExpression(reader);
}

function readTypes(reader: Reader, scan: Scan): void {
  const count = reader.count();
  for (let entry = 0; entry < count; entry++) {
    if (reader.peek() === 0x4e) {
      reader.byte();
      const members = reader.count();
      for (let member = 0; member < members; member++) scan.types.push(readSubtype(reader));
    } else {
      scan.types.push(readSubtype(reader));
    }
  }
}

function readSubtype(reader: Reader): CoreSignature {
  let opcode = reader.byte();
  if (opcode === 0x50 || opcode === 0x4f) {
    reader.vector(() => reader.u32());
    opcode = reader.byte();
  }
  switch (opcode) {
    case 0x60:
      return readCoreSignature(reader);
    case 0x5e:
    case 0x5f:
      // One large object past the heap limit ends the whole process, not only the worker.
      throw new ComponentError(
        'ERR_COMPONENT_UNSUPPORTED',
        'The component uses garbage-collected types of core WebAssembly (struct or array).',
      );
    default:
      throw malformed(`unknown core type 0x${opcode.toString(16)}`, reader.at - 1);
  }
}

/** The signature of a type index; an index that names no function type is refused by the engine later. */
function signatureOf(scan: Scan, index: number): CoreSignature {
  return scan.types[index] ?? { params: [opaqueType], results: [opaqueType] };
}

function readImport(reader: Reader, scan: Scan): CoreImport {
  const module = reader.name();
  const name = reader.name();
  const kind = readKind(reader);
  switch (kind) {
    case 'func': {
      const type = reader.u32();
      scan.functions.push(type);
      return { module, name, kind, signature: signatureOf(scan, type) };
    }
    case 'table':
      readCoreValueType(reader);
      readCoreExtent(reader);
      break;
    case 'memory':
      readCoreExtent(reader);
      break;
    case 'global':
      readCoreValueType(reader);
      reader.byte();
      break;
    case 'tag':
      readTag(reader, scan);
      break;
  }
  return { module, name, kind, signature: undefined };
}

function readKind(reader: Reader): CoreExternKind {
  const byte = reader.byte();
  const kind = externKinds[byte];
  if (kind === undefined) throw malformed(`unknown core extern kind ${byte}`, reader.at - 1);
  return kind;
}

function readFunctions(reader: Reader, scan: Scan): void {
  const count = reader.count();
  for (let index = 0; index < count; index++) scan.functions.push(reader.u32());
}

function readTag(reader: Reader, scan: Scan): void {
  reader.byte();
  scan.tags.push(reader.u32());
}

function readExport(reader: Reader, scan: Scan): void {
  const name = reader.name();
  const kind = readKind(reader);
  const index = reader.u32();
  if (scan.exports.has(name)) throw malformed('a core export name appears twice', reader.at);
  const type = kind === 'func' ? scan.functions[index] : undefined;
  if (kind === 'func' && type === undefined) throw malformed('core export of an unknown function', reader.at);
  scan.exports.set(name, { kind, signature: type === undefined ? undefined : signatureOf(scan, type) });
}
