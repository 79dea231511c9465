import { compileComponent, type CompiledComponent } from '../../src/index.ts';
import { allocator, buildGuest, type Encoding } from './build.ts';
import { declarations, type TypeCase } from './types.ts';

/** Where the guest lets results be written; the widest type of the tests fits. */
const returnArea = 64;

const echo = (wit: string): string => `func(value: ${wit}) -> ${wit};`;

/** A world whose guest passes every value on to the host and returns what the host returns. */
export function echoWit(cases: readonly TypeCase[]): string {
  const functions = cases.map(({ wit }, index) => `    echo${index}: ${echo(wit)}`).join('\n');
  const names = ['point', 'wide', 'wider', 'shape', 'narrow', 'colour', 'small', 'middle', 'large', 'many'];
  return `package test:echo@1.2.3;
    interface types { ${declarations} }
    interface far { use types.{${names.join(', ')}};\n${functions}\n }
    interface near { use types.{${names.join(', ')}};\n${functions}\n }
    world echo { import far; export near; }`;
}

/** The guest itself: no knowledge of the values, only of their flat form. */
export function echoWat(cases: readonly TypeCase[]): string {
  const imports: string[] = [];
  const functions: string[] = [];
  for (const [index, { flat: written }] of cases.entries()) {
    const isDirect = written.length === 1;
    const flat = written.length > 16 ? ['i32'] : written;
    const params = flat.join(' ');
    const result = isDirect ? `(result ${written[0]})` : '';
    imports.push(
      `(import "test:echo/far@1.2.3" "echo${index}"
         (func $far${index} (param ${params}${isDirect ? '' : ' i32'}) ${result}))`,
    );
    const args = flat.map((_, at) => `(local.get ${at})`).join(' ');
    functions.push(
      `(func (export "test:echo/near@1.2.3#echo${index}") (param ${params}) (result ${isDirect ? written[0] : 'i32'})
         ${
           isDirect
             ? `(call $far${index} ${args})`
             : `(call $far${index} ${args} (i32.const ${returnArea})) (i32.const ${returnArea})`
         })`,
    );
  }
  return `(module ${imports.join('\n')} ${allocator} ${functions.join('\n')})`;
}

export async function compileEcho(
  cases: readonly TypeCase[],
  encoding: Encoding = 'utf8',
): Promise<CompiledComponent> {
  return compileComponent(await buildGuest(echoWit(cases), echoWat(cases), encoding));
}
