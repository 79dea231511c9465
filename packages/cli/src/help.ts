import type { Command, CommandEntry } from './command.ts';
import type { Option, OptionTable } from './options.ts';

/** The help of the whole program. */
export function programHelp(commands: readonly CommandEntry[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  muster ${name.padEnd(width)}  ${summary}`);
  return `Usage: muster <command> [options]

${lines.join('\n')}

Add --help to a command to see its options. --version prints the version.
`;
}

/** The help of one command. */
export function commandHelp(entry: CommandEntry, command: Command): string {
  const about = command.about === undefined ? '' : `${command.about}\n\n`;
  const { operand } = command;
  const word = operand === undefined ? '' : ` [${operand.name}]`;
  const operandHelp = operand === undefined ? '' : `  ${operand.name}  ${operand.help}\n\n`;
  return `Usage: muster ${entry.name}${word} [options]

${entry.summary}.

${about}${operandHelp}${optionsHelp(command.options)}`;
}

function optionsHelp(table: OptionTable): string {
  const rows = Object.entries(table).map(
    ([name, option]) => [optionLabel(name, option), optionText(option)] as const,
  );
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}\n`).join('');
}

function optionLabel(name: string, option: Option): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  return `${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`;
}

function optionText(option: Option): string {
  const notes = [
    option.isRequired === true ? 'needed' : undefined,
    option.range === undefined ? undefined : option.range.join(' to '),
    option.default === undefined ? undefined : `default ${option.default}`,
    option.isMultiple === true ? 'may be repeated' : undefined,
  ].filter((note) => note !== undefined);
  return `${option.help}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}
