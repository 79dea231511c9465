import { createHash } from 'node:crypto';
import { ComponentError } from '../errors.ts';
import type { CompiledComponent } from './component.ts';
import { versionTrack } from '../binary/names.ts';
import type { FunctionType, HostPath, ResourceType, ValueType } from './types.ts';

/** Signatures by function, such as `wasi:http/types@0.2.12#[method]fields.get`: the printed type or its fingerprint. */
export type Signatures = Readonly<Record<string, string>>;

function withoutVersion(name: string): string {
  const at = name.lastIndexOf('@');
  return at < 0 ? name : name.slice(0, at);
}

function resourceName({ host }: ResourceType): string {
  if (host === undefined) return 'guest';
  return host.interfaceName === undefined ? host.name : `${withoutVersion(host.interfaceName)}.${host.name}`;
}

/**
 * Prints one type once and refers to it by number afterwards, so that the text grows with the number of
 * different types and not with the number of paths to them. Equal types print equally, because they are interned.
 */
class Printer {
  readonly #numbers = new Map<ValueType, number>();

  print(type: ValueType | undefined): string {
    if (type === undefined) return '_';
    const known = this.#numbers.get(type);
    if (known !== undefined) return `#${known}`;
    const text = this.#body(type);
    // Handles and short types are clearer when they are repeated.
    if (text.length > 24 && type.kind !== 'own' && type.kind !== 'borrow')
      this.#numbers.set(type, this.#numbers.size);
    return text;
  }

  #body(type: ValueType): string {
    switch (type.kind) {
      case 'list':
        return `list<${this.print(type.element)}>`;
      case 'record':
        return `record{${type.fields.map(({ name, type: field }) => `${name}:${this.print(field)}`).join(',')}}`;
      case 'tuple':
        return `tuple<${type.elements.map((element) => this.print(element)).join(',')}>`;
      case 'flags':
        return `flags{${type.labels.join(',')}}`;
      case 'enum':
        return `enum{${type.cases.map(({ name }) => name).join(',')}}`;
      case 'option':
        return `option<${this.print(type.cases[1]?.type)}>`;
      case 'result':
        return `result<${this.print(type.cases[0]?.type)},${this.print(type.cases[1]?.type)}>`;
      case 'variant':
        return `variant{${type.cases
          .map(({ name, type: payload }) =>
            payload === undefined ? name : `${name}(${this.print(payload)})`,
          )
          .join(',')}}`;
      case 'own':
      case 'borrow':
        return `${type.kind}<${resourceName(type.resource)}>`;
      case 'bool':
      case 's8':
      case 'u8':
      case 's16':
      case 'u16':
      case 's32':
      case 'u32':
      case 's64':
      case 'u64':
      case 'f32':
      case 'f64':
      case 'char':
      case 'string':
        break;
    }
    return type.kind;
  }
}

/** Without the names of the parameters: the host takes them by position. */
function printFunction(type: FunctionType): string {
  const printer = new Printer();
  const params = type.params.map((param) => printer.print(param.type)).join(',');
  return `func(${params})->${printer.print(type.result)}`;
}

function pathName({ interfaceName, name }: HostPath): string {
  return interfaceName === undefined ? name : `${interfaceName}#${name}`;
}

/** The printed type of every host function that a component uses. */
export function describeSignatures(compiled: CompiledComponent): Signatures {
  const signatures = Object.create(null) as Record<string, string>;
  for (const step of compiled.plan.steps) {
    if (step.kind === 'lower' && step.target.kind === 'host') {
      signatures[pathName(step.target.path)] = printFunction(step.type);
    }
  }
  return signatures;
}

/**
 * Refuses a component that declares a host function with another type than the host implements. Nothing else
 * does: the host's functions are JavaScript, and a guest may declare them as it likes. `expected` has
 * fingerprints by version track (`wasi:io/streams@0.2#...`); functions it does not name pass. Throws ERR_IMPORT_INVALID.
 */
export function checkSignatures(compiled: CompiledComponent, expected: Signatures): void {
  for (const [name, signature] of Object.entries(describeSignatures(compiled))) {
    const key = byTrack(name);
    if (!Object.hasOwn(expected, key) || expected[key] === fingerprint(signature)) continue;
    throw new ComponentError(
      'ERR_IMPORT_INVALID',
      `The component imports ${JSON.stringify(name)} with another type than the host has.`,
    );
  }
}

/** Enough of a digest to tell types apart that somebody made to collide. */
export function fingerprint(signature: string): string {
  return createHash('sha256').update(signature).digest('hex').slice(0, 40);
}

/** `wasi:io/streams@0.2.12#x` to `wasi:io/streams@0.2#x`: the same for all compatible versions. */
function byTrack(name: string): string {
  const [interfaceName = '', member] = name.split('#');
  const at = interfaceName.lastIndexOf('@');
  if (member === undefined || at < 0) return name;
  return `${interfaceName.slice(0, at)}@${versionTrack(interfaceName.slice(at + 1))}#${member}`;
}

/** The same signatures keyed by version track. */
export function trackSignatures(signatures: Signatures): Signatures {
  return Object.fromEntries(Object.entries(signatures).map(([name, text]) => [byTrack(name), text]));
}
