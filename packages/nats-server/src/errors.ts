/** Every error code of this package, with its meaning. */
export const NATS_SERVER_ERRORS = {
  ERR_NATS_SERVER_UNUSABLE:
    'The nats-server that was named cannot be run or is older than the minimum version.',
  ERR_NATS_SERVER_INSTALL: 'nats-server could not be installed into the cache.',
  ERR_NATS_SERVER_CHECKSUM: "A downloaded release archive differs from the release's published SHA-256.",
  ERR_NATS_SERVER_PLATFORM: 'No release archive of nats-server exists for this platform.',
  ERR_NATS_SERVER_CONFIG: 'A value cannot stand in a nats-server configuration file.',
  ERR_NATS_SERVER_START: 'nats-server ended, or was not ready in time, when it was launched.',
  ERR_NATS_SERVER_PORT_TAKEN: 'nats-server could not listen because the port is in use.',
  ERR_NATS_SERVER_NO_MEMORY_FILE: 'No writable memory file system was found for the private key.',
  ERR_LOCK_TIMEOUT: 'Another process held the lock for longer than the caller wanted to wait.',
} as const;

/** A stable code; branch on this, never on the message. */
export type NatsServerErrorCode = keyof typeof NATS_SERVER_ERRORS;

/** The one error class of this package. */
export class NatsServerError extends Error {
  readonly code: NatsServerErrorCode;

  constructor(code: NatsServerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'NatsServerError';
    this.code = code;
  }
}
