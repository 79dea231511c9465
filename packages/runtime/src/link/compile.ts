import { capCoreModule } from '../binary/core-limits.ts';
import { decodeComponent, openComponent, readPreamble } from '../binary/decode.ts';
import { readExtern, readExternName } from '../binary/decode-types.ts';
import { defaultCompileLimits, type CompileLimits } from '../binary/limits.ts';
import { parseExternName } from '../binary/names.ts';
import { createReadBudget } from '../binary/reader.ts';
import { engine, type CoreModule } from '../engine.ts';
import { ComponentError } from '../errors.ts';
import type { ComponentNode, Definition, Sort } from '../binary/ast.ts';
import type { CompiledComponent, ComponentExport, ComponentImport, ExternKind } from './component.ts';
import { Planner } from './planner.ts';

/**
 * Decodes, validates, links and compiles a component. `modules` are the modules of an earlier compilation of
 * the same bytes under the same limits. Throws ComponentError only.
 */
export function compileComponent(
  bytes: Uint8Array,
  limits?: Partial<CompileLimits>,
  options?: { readonly modules?: readonly CoreModule[] },
): CompiledComponent {
  const allLimits = { ...defaultCompileLimits, ...limits };
  const component = decodeComponent(bytes, allLimits);
  const planner = new Planner(bytes, createReadBudget(allLimits), allLimits);
  const plan = planner.plan(component);
  const given = options?.modules;
  if (given !== undefined && given.length !== planner.modules.length) {
    throw new ComponentError('ERR_COMPONENT_INVALID', 'The given modules belong to other bytes or limits.');
  }
  return {
    imports: component.definitions.flatMap(describeImport),
    exports: component.definitions.flatMap(describeExport),
    modules: given ?? compileModules(planner),
    plan,
  };
}

function compileModules(planner: Planner): CoreModule[] {
  return planner.modules.map(({ start, end, info }) => {
    const capped = capCoreModule(planner.bytes, start, end, info, planner.occupancy);
    try {
      return new engine.Module(capped);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown reason';
      throw new ComponentError(
        'ERR_COMPONENT_MALFORMED',
        `A core module of the component does not compile: ${reason}`,
        { cause: error },
      );
    }
  });
}

/** Lists the top-level imports of a component without linking or compiling it. Throws ComponentError only. */
export function describeImports(
  bytes: Uint8Array,
  limits?: Partial<CompileLimits>,
): readonly ComponentImport[] {
  const reader = openComponent(bytes, { ...defaultCompileLimits, ...limits });
  readPreamble(reader);
  const imports: ComponentImport[] = [];
  const names = new Set<string>();
  while (!reader.isDone()) {
    reader.spend(1);
    const id = reader.byte();
    const section = reader.slice(reader.u32());
    if (id !== 10) continue;
    const found = section.vector(() => {
      const name = readExternName(section, names);
      return describe(name, readExtern(section).sort);
    });
    section.expectDone('import section');
    imports.push(...found);
  }
  return imports;
}

const kinds: Readonly<Partial<Record<Sort, ExternKind>>> = {
  func: 'function',
  instance: 'instance',
  type: 'type',
  component: 'component',
  'core module': 'module',
};

function describe(text: string, sort: Sort): ComponentImport {
  const name = parseExternName(text);
  const kind = kinds[sort] ?? 'value';
  return name.kind === 'interface'
    ? { name: name.base, version: name.version, kind }
    : { name: text, version: undefined, kind };
}

function describeImport(definition: Definition): ComponentImport[] {
  return definition.kind === 'import' ? [describe(definition.name, definition.type.sort)] : [];
}

function describeExport(definition: ComponentNode['definitions'][number]): ComponentExport[] {
  return definition.kind === 'export' ? [describe(definition.name, definition.sort)] : [];
}
