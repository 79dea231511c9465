import { ComponentError } from '../errors.ts';
import type { ComponentNode, Definition, InlineExport } from './ast.ts';
import { readCanon } from './decode-canon.ts';
import { readCoreType } from './decode-core.ts';
import { readAlias, readCoreSort, readSort } from './decode-sorts.ts';
import { checkNesting, readExtern, readExternName, readType } from './decode-types.ts';
import type { CompileLimits } from './limits.ts';
import { createReadBudget, malformed, Reader } from './reader.ts';

interface ExternScopes {
  readonly imports: Set<string>;
  readonly exports: Set<string>;
}

/** Decodes a component binary (component model, "Binary format"). Throws ComponentError only. */
export function decodeComponent(bytes: Uint8Array, limits: CompileLimits): ComponentNode {
  return readComponent(openComponent(bytes, limits), 0);
}

/** Checks size and preamble and returns a reader over the whole binary. */
export function openComponent(bytes: Uint8Array, limits: CompileLimits): Reader {
  if (bytes.length > limits.componentBytes) {
    throw new ComponentError(
      'ERR_COMPONENT_LIMIT',
      `The component has ${bytes.length} bytes; the limit is ${limits.componentBytes}.`,
    );
  }
  return new Reader(bytes, createReadBudget(limits));
}

export function readPreamble(reader: Reader): void {
  const at = reader.at;
  const preamble = Array.from({ length: 8 }, () => reader.byte());
  if (preamble.slice(0, 4).join() !== '0,97,115,109') throw malformed('not a WebAssembly binary', at);
  if (preamble[6] === 0 && preamble[4] === 1) {
    throw malformed('this is a core module, not a component', at);
  }
  if (preamble.slice(4).join() !== '13,0,1,0') throw malformed('unknown component version', at);
}

function readComponent(reader: Reader, depth: number): ComponentNode {
  checkNesting(reader, depth);
  readPreamble(reader);
  const definitions: Definition[] = [];
  const scopes: ExternScopes = { imports: new Set(), exports: new Set() };
  while (!reader.isDone()) {
    reader.spend(1);
    const id = reader.byte();
    const section = reader.slice(reader.u32());
    readSection(id, section, depth, definitions, scopes);
    section.expectDone(`section ${id}`);
  }
  return { definitions };
}

function readSection(
  id: number,
  section: Reader,
  depth: number,
  definitions: Definition[],
  scopes: ExternScopes,
): void {
  switch (id) {
    case 0:
      section.name();
      section.at = section.end;
      return;
    case 1:
      definitions.push({ kind: 'coreModule', start: section.at, end: section.end });
      section.at = section.end;
      return;
    case 4:
      definitions.push({ kind: 'component', component: readComponent(section, depth + 1) });
      return;
    default: {
      const read = itemReader(id, section, depth, scopes);
      const count = section.count();
      for (let index = 0; index < count; index++) definitions.push(read());
    }
  }
}

function itemReader(id: number, section: Reader, depth: number, scopes: ExternScopes): () => Definition {
  switch (id) {
    case 2:
      return () => readCoreInstance(section);
    case 3:
      return () => ({ kind: 'coreType', type: readCoreType(section) });
    case 5:
      return () => readInstance(section);
    case 6:
      return () => readAlias(section);
    case 7:
      return () => ({ kind: 'type', type: readType(section, depth) });
    case 8:
      return () => ({ kind: 'canon', canon: readCanon(section) });
    case 9:
    case 12:
      throw new ComponentError(
        'ERR_COMPONENT_UNSUPPORTED',
        `The component has a ${id === 9 ? 'start' : 'value'} section.`,
      );
    case 10:
      return () => ({
        kind: 'import',
        name: readExternName(section, scopes.imports),
        type: readExtern(section),
      });
    case 11:
      return () => readExport(section, scopes.exports);
    default:
      throw malformed(`unknown section ${id}`, section.at);
  }
}

function readCoreInstance(reader: Reader): Definition {
  const form = reader.byte();
  if (form === 0x00) {
    const module = reader.u32();
    const args = reader.vector(() => {
      const name = reader.name();
      if (reader.byte() !== 0x12) throw malformed('core argument is not an instance', reader.at - 1);
      return { name, instance: reader.u32() };
    });
    checkUnique(args, reader.at);
    return { kind: 'coreInstance', module, args };
  }
  if (form !== 0x01) throw malformed(`unknown core instance form ${form}`, reader.at - 1);
  const exports = reader.vector((): InlineExport => {
    const name = reader.name();
    return { name, sort: `core ${readCoreSort(reader)}`, index: reader.u32() };
  });
  checkUnique(exports, reader.at);
  return { kind: 'coreInstanceExports', exports };
}

function readInstance(reader: Reader): Definition {
  const form = reader.byte();
  if (form === 0x00) {
    const component = reader.u32();
    const args = reader.vector((): InlineExport => {
      const name = reader.name();
      return { name, sort: readSort(reader), index: reader.u32() };
    });
    checkUnique(args, reader.at);
    return { kind: 'instance', component, args };
  }
  if (form !== 0x01) throw malformed(`unknown instance form ${form}`, reader.at - 1);
  const scope = new Set<string>();
  const exports = reader.vector((): InlineExport => {
    const name = readExternName(reader, scope);
    return { name, sort: readSort(reader), index: reader.u32() };
  });
  return { kind: 'instanceExports', exports };
}

function readExport(reader: Reader, scope: Set<string>): Definition {
  const name = readExternName(reader, scope);
  const sort = readSort(reader);
  const index = reader.u32();
  const isTyped = reader.byte();
  if (isTyped > 1) throw malformed('bad option byte', reader.at - 1);
  return { kind: 'export', name, sort, index, type: isTyped === 1 ? readExtern(reader) : undefined };
}

function checkUnique(items: readonly { readonly name: string }[], at: number): void {
  if (new Set(items.map(({ name }) => name)).size !== items.length)
    throw malformed('a name appears twice', at);
}
