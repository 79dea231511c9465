import { parseArgs } from 'node:util';
import { parseDurationMs } from './duration.ts';
import { CliError } from './errors.ts';

/** What the values of options look like, by the name that the help gives them. */
export const VALUES = {
  ADDRESS: 'where something listens; each option says in which form',
  DURATION: 'a whole number above 0 with `ms`, `s`, `m`, `h` or `d` behind it; bare numbers are seconds',
  FILE: 'path of a file',
  FOLDER: 'path of a folder',
  FORMAT: 'how rows are written',
  KEY: 'public nkey or xkey, as NATS writes it',
  'KEY=VALUE': 'a name, and after the first `=` its text',
  MIB: 'a whole number of MiB',
  N: 'a whole number',
  NAME: 'a name',
  'NAME|FILE': 'a name, or the path of a file that ends in `.wasm`',
  PATH: 'absolute path of a unix socket that is to be made',
  PID: 'a process id',
  POLICY: 'a policy',
  PORT: 'a TCP port',
  'SPIFFE-ID': 'a SPIFFE ID, `spiffe://<trust domain>/<path>`',
} as const;

/** One option of a command. What it says is enforced when the command line is parsed, and is what the documents are made from. */
export interface Option {
  /** Absent for a switch. A DURATION is checked to be one. */
  readonly value?: keyof typeof VALUES;
  readonly short?: string;
  readonly isMultiple?: boolean;
  /** The command makes no sense without it. */
  readonly isRequired?: boolean;
  /** The whole numbers that are taken, both ends included. */
  readonly range?: readonly [min: number, max: number];
  /** The only texts that are taken. */
  readonly choices?: readonly string[];
  /** Used when the option is absent, and shown in the help. */
  readonly default?: string;
  /** Environment variable that is used when the option is absent. */
  readonly variable?: string;
  readonly help: string;
}

/** The range of a port where 0 lets the system choose. */
export const PORTS: readonly [number, number] = [0, 65_535];

/** Options by their long name without dashes. */
export type OptionTable = Readonly<Record<string, Option>>;

/** Parsed options of one command. Getters throw ERR_USAGE naming the option. */
export class Options {
  readonly #table: OptionTable;
  readonly #values: Readonly<Record<string, unknown>>;
  /** The word that stood without an option's name. */
  readonly operand: string | undefined;

  constructor(table: OptionTable, values: Readonly<Record<string, unknown>>, operand?: string) {
    this.#table = table;
    this.#values = values;
    this.operand = operand;
  }

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }

  optional(name: string): string | undefined {
    const value = this.#values[name] ?? this.#table[name]?.default;
    if (value === '') throw usage(`--${name} needs a value`);
    return typeof value === 'string' ? value : undefined;
  }

  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined) throw usage(`--${name} ${this.#table[name]?.value ?? ''} is needed`);
    return value;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? (value as string[]) : [];
  }

  /** A whole number in the option's range. */
  integer(name: string): number {
    const text = this.required(name);
    const [min, max] = this.#table[name]?.range ?? [0, Number.MAX_SAFE_INTEGER];
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw usage(`--${name} must be a whole number from ${String(min)} to ${String(max)}, not "${text}"`);
  }

  durationMs(name: string): number | undefined {
    const text = this.optional(name);
    if (text === undefined) return undefined;
    const value = parseDurationMs(text);
    if (value === undefined) throw usage(`--${name} must be a duration like 10s, 5m or 1h, not "${text}"`);
    return value;
  }
}

/** Parses the words after a command's name. Throws ERR_USAGE for unknown options, stray words, and values that the table does not allow. */
export function parseOptions(table: OptionTable, words: readonly string[], hasOperand = false): Options {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, option]) => [
      name,
      {
        type: option.value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: option.isMultiple === true,
        ...(option.short === undefined ? {} : { short: option.short }),
      },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options,
      strict: true,
      allowPositionals: hasOperand,
    });
    if (positionals.length > 1) throw usage(`Unexpected argument '${positionals[1] ?? ''}'`);
    return checked(table, new Options(table, values, positionals[0]));
  } catch (error) {
    throw error instanceof CliError ? error : usage(firstSentence((error as Error).message));
  }
}

/** What a table says about its options holds before the command does anything. */
function checked(table: OptionTable, options: Options): Options {
  for (const [name, { value, isMultiple, isRequired, range, choices }] of Object.entries(table)) {
    if (value === undefined) continue;
    if (isMultiple === true) {
      if (isRequired === true && options.list(name).length === 0) throw usage(`--${name} ${value} is needed`);
      continue;
    }
    const text = isRequired === true ? options.required(name) : options.optional(name);
    if (text === undefined) continue;
    if (range !== undefined) options.integer(name);
    if (value === 'DURATION') options.durationMs(name);
    if (choices?.includes(text) === false)
      throw usage(`--${name} must be ${choices.join(' or ')}, not "${text}"`);
  }
  return options;
}

/** An ERR_USAGE that points to the help. */
export function usage(problem: string): CliError {
  return new CliError('ERR_USAGE', `${problem}. Add --help to see what is possible`);
}

function firstSentence(text: string): string {
  const end = text.indexOf('. ');
  return end === -1 ? text.replace(/\.$/, '') : text.slice(0, end);
}
