/** Every error code of this package, with its meaning. */
export const CLI_ERRORS = {
  ERR_NODE_VERSION: 'This Node is too old to run muster.',
  ERR_USAGE: 'The command line cannot be understood. The exit code is 2.',
  ERR_LATTICE_NOT_RUNNING: 'No lattice of that name runs for this user on this machine.',
  ERR_LATTICE_ALREADY_RUNNING: 'A lattice of that name runs already for this user.',
  ERR_OPERATOR_IDENTITY: 'The identity provider did not give this user an operator identity.',
  ERR_PORT_TAKEN: 'A port that a part of the lattice needs is in use by another program.',
  ERR_PART_ENDED: 'A part of the lattice ended while it was started.',
  ERR_PART_NOT_READY: 'A part of the lattice was not ready in time.',
  ERR_PARENT_GONE: 'The process that this one must not outlive is already gone.',
  ERR_KEY_DOCUMENT: 'The key document on the inherited descriptor is missing or malformed.',
  ERR_SERVER_IDENTITY: 'The identity provider did not give nats-server its X.509-SVID.',
  ERR_COMPONENT_BUILD: 'The example component could not be built, or a component file could not be read.',
  ERR_COMPONENT_NOT_STARTED: 'The host did not start the component.',
  ERR_COMPONENT_NOT_ANSWERING: 'The component was started, but its URL did not answer in time.',
  ERR_AUDIT_SOURCE: 'Audit records cannot be read from the file or stream that was meant, or it holds none.',
  ERR_AUDIT_UNVERIFIED: 'There is no audit record that can be verified for any of the connections.',
} as const;

/** A stable code; branch on this, never on the message. */
export type CliErrorCode = keyof typeof CLI_ERRORS;

/** The one error class of this package. Its message says what to do next. */
export class CliError extends Error {
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CliError';
    this.code = code;
  }
}
