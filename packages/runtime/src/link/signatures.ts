import { ComponentError } from '../errors.ts';
import type { CompiledComponent } from './component.ts';
import type { FunctionType, HostPath, ResourceType, ValueType } from './types.ts';

/** Signatures by function: `wasi:http/types@0.2.12#[method]fields.get` gives the printed type. */
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

function printFunction(type: FunctionType): string {
  const printer = new Printer();
  const params = type.params.map((param) => `${param.name}:${printer.print(param.type)}`).join(',');
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
 * does: the host's functions are JavaScript, and a guest may declare them as it likes. `expected` is keyed
 * without versions; functions it does not name pass. Throws ERR_IMPORT_INVALID.
 */
export function checkSignatures(compiled: CompiledComponent, expected: Signatures): void {
  for (const [name, signature] of Object.entries(describeSignatures(compiled))) {
    const key = unversioned(name);
    if (!Object.hasOwn(expected, key) || expected[key] === signature) continue;
    throw new ComponentError(
      'ERR_IMPORT_INVALID',
      `The component imports ${JSON.stringify(name)} with another type than the host has.`,
    );
  }
}

function unversioned(name: string): string {
  const hash = name.indexOf('#');
  return hash < 0 ? name : `${withoutVersion(name.slice(0, hash))}${name.slice(hash)}`;
}

/** The same signatures keyed without versions, as {@link checkSignatures} takes them. */
export function withoutVersions(signatures: Signatures): Signatures {
  const entries = Object.entries(signatures).map(([name, signature]) => [unversioned(name), signature]);
  return Object.fromEntries(entries) as Signatures;
}
