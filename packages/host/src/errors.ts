/** Every code of {@link HostError} with its meaning. */
export const HOST_ERRORS = {
  ERR_HOST_CONFIG_INVALID: 'The configuration of a host is incomplete or contradicts itself.',
  ERR_HOST_NO_IDENTITY: 'The host has no valid X.509-SVID, so it neither connects nor serves.',
  ERR_HOST_CONNECT_FAILED: 'The host could not connect to the lattice within the configured attempts.',
  ERR_HOST_NOT_CONNECTED: 'The host has no connection to the lattice at the moment.',
  ERR_HOST_STATE_FAILED: 'The state buckets of the lattice could not be created, read or watched.',
  ERR_HOST_STATE_CONFLICT: 'A component spec was changed by others again and again while it was written.',
  ERR_CONTROL_ID_INVALID: 'An id or name in a control request is not a plain word.',
  ERR_ARTIFACT_SCHEME: 'The reference of an artifact has a scheme this host does not fetch from.',
  ERR_ARTIFACT_NOT_ALLOWED: 'The file of an artifact lies outside the folders this host may load from.',
  ERR_ARTIFACT_NOT_FOUND: 'The file of an artifact does not exist or cannot be read.',
  ERR_ARTIFACT_TOO_LARGE: 'The file of an artifact is larger than the limit.',
  ERR_COMPONENT_CONFIG_NOT_FOUND: 'A component names a config that does not exist.',
  ERR_COMPONENT_SECRET_UNSUPPORTED:
    'A component or link names a secret; this host does not hand out secrets.',
  ERR_COMPONENT_LIMIT_INVALID: 'A limit in a scale command is not a positive whole number.',
  ERR_IMPORT_NOT_GRANTED: 'The component imports an interface that it was not granted.',
  ERR_IDENTITY_UNAVAILABLE:
    'The authority did not answer for the identity of a component; trying again may help.',
  ERR_COMPONENT_NOT_RUNNING: 'No component with the id of the link target runs on this host.',
} as const;

/** Stable code of a {@link HostError}. */
export type HostErrorCode = keyof typeof HOST_ERRORS;

/** The only class of error this package throws. Branch on `code`. */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code: HostErrorCode;

  constructor(code: HostErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
