import {
  compileComponent,
  instantiateComponent,
  type ComponentInstance,
  type InstanceLimits,
} from '../../src/index.ts';
import { buildWat, type Anything } from './build.ts';

const liftedTypes: Readonly<Record<string, string>> = { i32: 'u32', i64: 'u64', f32: 'f32', f64: 'f64' };

export interface Hostile {
  readonly instance: ComponentInstance;
  /** Makes the guest call the host with exactly these core values. */
  readonly run: (...core: (number | bigint)[]) => unknown;
  /** What the host received. */
  readonly received: unknown[];
}

/**
 * A guest that hands core values of the test's choice to a host function of one parameter, and so can say
 * anything that a hostile guest could. `memory` is WAT for its data segments.
 */
export async function startHostile(
  type: string,
  flat: string,
  memory: string = '',
  options: { encoding?: string; limits?: Partial<InstanceLimits>; declarations?: string } = {},
): Promise<Hostile> {
  const types = flat.split(' ');
  const params = types.map((core, index) => `(param "p${index}" ${liftedTypes[core] ?? 'u32'})`).join(' ');
  const bytes = await buildWat(`(component
    ${options.declarations ?? ''}
    (import "host" (instance $host (export "take" (func (param "value" ${type})))))
    (core module $libc
      (memory (export "memory") 1) ${memory}
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
    (core instance $libc (instantiate $libc))
    (core func $take (canon lower (func $host "take") (memory $libc "memory") (realloc (func $libc "realloc"))
      string-encoding=${options.encoding ?? 'utf8'}))
    (core module $main
      (import "host" "take" (func $take (param ${flat})))
      (func (export "run") (param ${flat}) (call $take ${types.map((_, at) => `(local.get ${at})`).join(' ')})))
    (core instance $main (instantiate $main (with "host" (instance (export "take" (func $take))))))
    (func (export "run") ${params} (canon lift (core func $main "run"))))`);
  const received: unknown[] = [];
  const imports = { host: { take: (value: unknown) => void received.push(value) } };
  const instance = instantiateComponent(compileComponent(bytes), imports, options.limits);
  return { instance, received, run: (...core) => (instance.exports as Anything).run(...core) };
}
