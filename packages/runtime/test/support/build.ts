import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { compileComponent, instantiateComponent } from '../../src/index.ts';
import type { CompileLimits, ComponentInstance, ImportObject, InstanceLimits } from '../../src/index.ts';

export type Encoding = 'utf8' | 'utf16' | 'compact-utf16';

/** Builds a component from core WAT and a WIT world, the way guest tool chains do. */
export async function buildGuest(
  wit: string,
  wat: string,
  stringEncoding: Encoding = 'utf8',
): Promise<Uint8Array> {
  const binary = (await parse(wat)) as Uint8Array;
  const embedded = (await componentEmbed({ binary, witSource: wit, stringEncoding })) as Uint8Array;
  return (await componentNew(embedded, [])) as Uint8Array;
}

/** Builds a component from component WAT, for what no tool chain would write. */
export async function buildWat(wat: string): Promise<Uint8Array> {
  return (await parse(wat)) as Uint8Array;
}

export async function startWat(
  wat: string,
  imports: ImportObject = {},
  limits: Partial<CompileLimits & InstanceLimits> = {},
): Promise<ComponentInstance> {
  return instantiateComponent(compileComponent(await buildWat(wat), limits), imports, limits);
}

/** A bump allocator over one memory, as core WAT: what a test guest needs to receive lists and strings. */
export const allocator = `
  (memory (export "memory") 2)
  (global $top (mut i32) (i32.const 1024))
  (func $realloc (export "cabi_realloc") (param $old i32) (param $oldSize i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $done (loop $grow
      (br_if $done (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $done (i32.eq (memory.grow (i32.const 1)) (i32.const -1)))
      (br $grow)))
    (local.get $at))`;

// oxlint-disable-next-line typescript/no-explicit-any -- tests call what they built
export type Anything = any;
