/** Every error code of this package with its meaning. */
export const AUTHORITY_ERRORS = {
  ERR_CONFIG_INVALID: 'The configuration of the authority is not usable as given.',
  ERR_ENTRY_INVALID: 'A registration entry breaks a rule of its format.',
  ERR_ENTRY_EXISTS:
    'A registration entry with the same id, or the same SPIFFE ID, parent and selectors, exists.',
  ERR_ENTRY_NOT_FOUND: 'There is no registration entry with this id.',
  ERR_ENTRIES_FILE: 'The file of registration entries cannot be read.',
  ERR_ISSUE_REFUSED: 'The authority does not issue an SVID of this shape.',
  ERR_ATTESTATION_UNAVAILABLE: 'This platform does not let the authority attest its callers.',
  ERR_ATTESTATION_FAILED: 'A caller could not be attested: it is gone, changed, or hidden from this process.',
  ERR_CHILD_NOT_FOUND: 'The announced child process does not exist or is not a child of this process.',
  ERR_SOCKET_PATH: 'A socket path is not usable: too long, occupied by a file, or in an unsafe directory.',
  ERR_SOCKET_IN_USE: 'Another live server owns this socket.',
  ERR_AUTHORITY_STOPPED: 'The authority is stopped.',
} as const;

/** One of the keys of {@link AUTHORITY_ERRORS}; stable, made to branch on. */
export type AuthorityErrorCode = keyof typeof AUTHORITY_ERRORS;

/** The only error class of this package. Branch on `code`. */
export class AuthorityError extends Error {
  readonly code: AuthorityErrorCode;

  constructor(code: AuthorityErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AuthorityError';
    this.code = code;
  }
}
