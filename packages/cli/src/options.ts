import { parseArgs } from 'node:util';
import { parseDurationMs } from './duration.ts';
import { CliError } from './errors.ts';

/** One option of a command. */
export interface Option {
  /** Name of the value in the help, `PORT`; absent for a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly isMultiple?: boolean;
  /** Used when the option is absent, and shown in the help. */
  readonly default?: string;
  readonly help: string;
}

/** Options by their long name without dashes. */
export type OptionTable = Readonly<Record<string, Option>>;

/** Parsed options of one command. Getters throw ERR_USAGE naming the option. */
export class Options {
  readonly #table: OptionTable;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(table: OptionTable, values: Readonly<Record<string, unknown>>) {
    this.#table = table;
    this.#values = values;
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

  integer(name: string, min: number, max: number): number {
    const text = this.required(name);
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

/** Parses the words after a command's name. Throws ERR_USAGE for unknown options and stray words. */
export function parseOptions(table: OptionTable, words: readonly string[]): Options {
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
    const { values } = parseArgs({ args: [...words], options, strict: true, allowPositionals: false });
    return new Options(table, values);
  } catch (error) {
    throw usage(firstSentence((error as Error).message));
  }
}

/** An ERR_USAGE that points to the help. */
export function usage(problem: string): CliError {
  return new CliError('ERR_USAGE', `${problem}. Add --help to see what is possible`);
}

function firstSentence(text: string): string {
  const end = text.indexOf('. ');
  return end === -1 ? text.replace(/\.$/, '') : text.slice(0, end);
}
