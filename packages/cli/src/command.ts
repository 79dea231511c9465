import type { Io } from './io.ts';
import type { Options, OptionTable } from './options.ts';

/** What the file of a command exports. */
export interface Command {
  readonly options: OptionTable;
  /** The one word that may stand without an option's name; absent where none may. */
  readonly operand?: { readonly name: string; readonly help: string };
  /** Sentences for the help, after the summary. */
  readonly about?: string;
  /** Resolves to the exit code. Throws errors with a `code`; they are printed as one line. */
  run(options: Options, io: Io): Promise<number>;
}

/** A command as the list of commands knows it: enough for the help without loading it. */
export interface CommandEntry {
  /** Noun and verb: `host list`; `dev` alone. */
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}
