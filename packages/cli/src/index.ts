export type { PreparedComponent } from './commands/dev/component.ts';
export { componentEntry, type DevIdentities } from './commands/dev/identities.ts';
export type { DevOptions } from './commands/dev/options.ts';
export type { PartLine } from './commands/dev/part-line.ts';
export { type Dev, type DevDependencies, startDev } from './commands/dev/start.ts';
export type { PartRow } from './commands/dev/summary.ts';
export { CLI_ERRORS, CliError, type CliErrorCode } from './errors.ts';
export type { Io, Output } from './io.ts';
export {
  type ConnectionReport,
  type ConnectionRow,
  listConnections,
  reportConnections,
} from './lattice/connections.ts';
export type { Session } from './lattice/session.ts';
export { createProgress, type Progress } from './terminal/progress.ts';
