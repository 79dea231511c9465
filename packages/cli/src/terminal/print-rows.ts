import type { Io } from '../io.ts';
import type { Option, Options } from '../options.ts';
import { type Column, renderTable } from './table.ts';

/** The option that every listing has. */
export const outputOption: Option = {
  value: 'FORMAT',
  short: 'o',
  choices: ['table', 'json'],
  default: 'table',
  help: 'table for people, or json: an array of objects',
};

/** Prints rows as a table, or as a JSON array of the same rows. An empty table says so on stderr. */
export function printRows<Row extends object>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: Options,
  io: Io,
  nothing: string,
): void {
  if (options.required('output') === 'json') {
    io.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  } else if (rows.length === 0) {
    io.stderr.write(`${nothing}\n`);
  } else {
    io.stdout.write(renderTable(columns, rows));
  }
}
