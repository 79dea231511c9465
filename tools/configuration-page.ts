// docs/configuration.md: the commands from their option tables, the environment from its table, the documents from the
// interfaces that the code which reads them is checked against.
import type { Command, CommandEntry } from '../packages/cli/src/command.ts';
import type { Variable } from '../packages/cli/src/environment.ts';
import { type Option, type OptionTable, VALUES } from '../packages/cli/src/options.ts';
import { interfaceFields } from './interface-fields.ts';
import { block, code, generatedFrom, json, table } from './markdown.ts';

/** A document or a configuration object, and where its interfaces stand. */
export interface DescribedDocument {
  readonly title: string;
  readonly about: string;
  readonly path: string;
  readonly interfaces: readonly string[];
  /** Interfaces of which every field may be left out, whatever they say themselves. */
  readonly partial?: readonly string[];
}

export const DOCUMENTS: readonly DescribedDocument[] = [
  {
    title: 'Registration entries',
    about:
      'The file of `muster identity run --entries`: `{"entries":[...]}`, up to 64 MiB, as SPIRE writes it. One object per entry; ' +
      'unknown keys are errors. The selectors stand in [packages/authority](../packages/authority/README.md#selectors-of-a-process).',
    path: 'packages/authority/src/entries/registration-entry.ts',
    interfaces: ['RegistrationEntry', 'Selector', 'AdditionalAttributes'],
  },
  {
    title: 'Rule document',
    about:
      'The file of `muster callout run --rules`. The first rule that matches the SPIFFE ID and the connection name decides; no ' +
      'match means no. Subjects may hold the captures of `match`, `{inbox}` (where replies for this identity go) and `{identity}` (its ' +
      'SPIFFE ID as one token). Unknown keys are errors. Without the option the rules at the end of this section hold.',
    path: 'packages/callout/src/rule-document.ts',
    interfaces: ['RuleDocument', 'Rule', 'RulePermissions'],
  },
  {
    title: 'Key document',
    about:
      'What `muster callout run --keys-fd` reads from the descriptor: one JSON object of texts, up to 16 383 bytes. It never is a ' +
      'file with a name, an argument or a variable.',
    path: 'packages/callout/src/config.ts',
    interfaces: ['CalloutKeys'],
  },
  {
    title: 'lattice.json',
    about:
      'Written by `muster dev` into the lattice directory and read by the commands that ask a lattice. No secret is in it.',
    path: 'packages/lattice/src/lattice-dir.ts',
    interfaces: ['LatticeInfo'],
  },
];

export const CONFIGURATIONS: readonly DescribedDocument[] = [
  {
    title: 'Host',
    about: '`startHost` of `@muster/host`. What `muster host run` has no option for is at its default there.',
    path: 'packages/host/src/config.ts',
    interfaces: ['HostConfig', 'ComponentDefaults'],
    partial: ['ComponentDefaults'],
  },
  {
    title: 'Pace of connection attempts',
    about: '`retry` of the host.',
    path: 'packages/lattice/src/connection-options.ts',
    interfaces: ['ConnectRetryOptions'],
  },
  {
    title: 'HTTP listeners of a host',
    about: '`httpLimits` of the host.',
    path: 'packages/providers/src/http-server/types.ts',
    interfaces: ['HttpLimits'],
    partial: ['HttpLimits'],
  },
  {
    title: 'Callout',
    about: '`startCallout` of `@muster/callout`.',
    path: 'packages/callout/src/config.ts',
    interfaces: ['CalloutConfig'],
  },
  {
    title: 'Authority',
    about: '`startAuthority` of `@muster/authority`. Unknown keys are errors.',
    path: 'packages/authority/src/config.ts',
    interfaces: ['AuthorityConfig'],
  },
  {
    title: 'nats-server',
    about:
      '`natsServerConfig` of `@muster/nats-server` writes the file that `muster nats run` starts the server with.',
    path: 'packages/nats-server/src/config.ts',
    interfaces: ['NatsServerConfigOptions', 'AccountLimits'],
  },
];

export interface ConfigurationSources {
  readonly commands: readonly (readonly [CommandEntry, Command])[];
  readonly environment: Readonly<Record<string, Variable>>;
  /** The rules that hold without a document. */
  readonly defaultRules: object;
}

/** The whole page. Throws where something has no description. */
export function configurationPage({ commands, environment, defaultRules }: ConfigurationSources): string {
  const valuesInUse = new Set(
    commands.flatMap(([, { options }]) => Object.values(options).map(({ value }) => value as string)),
  );
  const values = Object.entries(VALUES).filter(([name]) => valuesInUse.has(name));
  return [
    `# Configuration\n\n${generatedFrom('the option tables, the table of variables and the interfaces of the packages')}`,
    'A part is configured by its command line and by the documents that it names; no file is looked for. An option, a key or a\n' +
      'value that is not known is an error, never passed over. What changes all the time (components, links, configs) is not here: it\n' +
      'is told to a lattice by messages and kept in its state.\n',
    `## Commands\n\n${commands.map(([entry, command]) => commandSection(entry, command)).join('\n')}`,
    `## Values\n\n${table(
      ['value', 'is'],
      values.map(([name, meaning]) => [code(name), meaning]),
    )}`,
    `## Environment\n\n${environmentSection(environment)}`,
    `## Documents\n\n${DOCUMENTS.map(documentSection).join('\n')}`,
    `### Rules that hold without a document\n\nFor the lattice \`default\` in the trust domain \`muster.internal\`:\n\n${block('json', json(defaultRules))}`,
    `## Services as libraries\n\nWhat the services take when a program starts them. Durations end in \`Ms\` and are in milliseconds.\n\n${CONFIGURATIONS.map(documentSection).join('\n')}`,
  ].join('\n');
}

function commandSection(entry: CommandEntry, { about, options, operand }: Command): string {
  const more = about === undefined ? '' : ` ${about.replaceAll('\n', ' ')}`;
  const word = operand === undefined ? '' : ` [${operand.name}]`;
  const operandText = operand === undefined ? '' : `${code(operand.name)}: ${operand.help}.\n\n`;
  return `### muster ${entry.name}${word}\n\n${entry.summary}.${more}\n\n${operandText}${optionsTable(options)}`;
}

function optionsTable(options: OptionTable): string {
  return table(
    ['option', 'value', 'default', 'meaning'],
    Object.entries(options).map(([name, option]) => [
      [`--${name}`, ...(option.short === undefined ? [] : [`-${option.short}`])].map(code).join(', '),
      valueOf(option),
      defaultOf(option),
      `${option.help}.`,
    ]),
  );
}

function valueOf({ value, range, choices, isMultiple }: Option): string {
  const notes = [
    ...(range === undefined ? [] : [range.join(' to ')]),
    ...(choices === undefined ? [] : [choices.map(code).join(' or ')]),
    ...(isMultiple === true ? ['may be repeated'] : []),
  ];
  return [value === undefined ? 'none' : code(value), ...notes].join(', ');
}

function defaultOf({ value, isRequired, default: preset, variable, isMultiple }: Option): string {
  if (isRequired === true) return 'needed';
  if (preset !== undefined) return code(preset);
  if (variable !== undefined) return `${code(variable)}, or else needed`;
  return value === undefined ? 'off' : isMultiple === true ? 'none' : '-';
}

function environmentSection(environment: Readonly<Record<string, Variable>>): string {
  const rows = Object.entries(environment).map(([name, { meaning, otherwise, isPassedOn, reader }]) => [
    code(name),
    `${meaning}${reader === undefined ? '' : ` Read by ${reader}.`}`,
    otherwise,
    isPassedOn === true ? 'yes' : 'no',
  ]);
  return (
    'Variables that a program of the project reads. An empty one counts as not set. The last column says whether `muster dev` gives it\n' +
    `to the parts that it starts; nothing else of the environment reaches them. Components have no environment.\n\n` +
    table(['variable', 'meaning', 'when not set', 'passed on'], rows)
  );
}

function documentSection({ title, about, path, interfaces, partial = [] }: DescribedDocument): string {
  const tables = interfaces.map((name, index) => {
    const rows = interfaceFields(path, name).map((field) => [
      code(field.name),
      code(typeName(field.type)),
      field.isOptional || partial.includes(name) ? 'no' : 'yes',
      field.comment,
    ]);
    return `${index === 0 ? '' : `\`${name}\`:\n\n`}${table(['field', 'type', 'needed', 'meaning'], rows)}`;
  });
  return `### ${title}\n\n${about}\n\n${tables.join('\n')}`;
}

/** Seeds are bytes only after they were read. */
function typeName(type: string): string {
  return type === 'Uint8Array' ? 'string' : type;
}
