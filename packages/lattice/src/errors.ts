/** Every error code of this package with its meaning; docs/errors.md is generated from it. */
export const LATTICE_ERRORS = {
  ERR_NKEY_MALFORMED: 'The text or bytes are not an nkey or nkey seed of the wanted kind.',
  ERR_NKEY_WIPED: 'The key was wiped and can no longer sign, seal or open.',
  ERR_XKEY_OPEN_FAILED: 'The sealed box was truncated, tampered with, or sealed by or for another key.',
  ERR_NATS_JWT_MALFORMED: 'The text is not a NATS JWT.',
  ERR_NATS_JWT_SIGNATURE: 'The NATS JWT is not signed by the key it names as its issuer.',
  ERR_SUBJECT_TOKEN: 'The text cannot be used as a token of a NATS subject.',
  ERR_MESSAGE_MALFORMED: 'A control message, event or stored value does not have the documented shape.',
  ERR_CONTROL_REFUSED: 'A host answered the control request with success: false.',
  ERR_CONTROL_NO_ANSWER: 'No host answered the control request in time.',
  ERR_CONNECT_FAILED: 'The lattice could not be reached, or it refused the connection.',
  ERR_CONNECTION_CLOSED: 'The connection to the lattice is closed.',
  ERR_NO_TOKEN: 'No JWT-SVID was available for the connection attempt.',
  ERR_TRANSPORT_REPLACED:
    'Another user of the NATS client replaced the transport during the attempt; it is retried.',
  ERR_AUDIT_WRITE: 'An audit record could not be written.',
  ERR_AUDIT_CHAIN: 'The audit log is not an unbroken hash chain.',
  ERR_LATTICE_DIR:
    'The lattice directory is missing, not private, a symbolic link, or not owned by this user.',
} as const;

export type LatticeErrorCode = keyof typeof LATTICE_ERRORS;

/** The one error class of this package. Branch on `code`, not on the class. */
export class LatticeError extends Error {
  override readonly name = 'LatticeError';
  readonly code: LatticeErrorCode;

  constructor(code: LatticeErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
