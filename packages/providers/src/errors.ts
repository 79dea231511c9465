/** Every code of {@link ProviderError} with its meaning. */
export const PROVIDERS_ERRORS = {
  ERR_HTTP_ADDRESS_INVALID: 'The address of an HTTP listener is not `host:port`.',
  ERR_HTTP_ADDRESS_IN_USE: 'Another program listens on the address already.',
  ERR_HTTP_ADDRESS_NOT_AVAILABLE:
    'The address does not belong to this machine, or may not be used by this user.',
  ERR_HTTP_LISTEN_FAILED: 'The HTTP listener could not be opened for another reason.',
  ERR_HTTP_REQUEST_BODY_TOO_LARGE: 'The body of an HTTP request is larger than the limit.',
  ERR_HTTP_REQUEST_BODY_ABORTED: 'The client went away before the body of its request was complete.',
  ERR_HTTP_RESPONSE_INVALID: 'A handler answered with a status, header or length that HTTP does not allow.',
} as const;

/** Stable code of a {@link ProviderError}. */
export type ProviderErrorCode = keyof typeof PROVIDERS_ERRORS;

/** The only class of error this package throws. Branch on `code`. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: ProviderErrorCode;

  constructor(code: ProviderErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
