/** Every error code of this package with its meaning; docs/errors.md is generated from it. */
export const CALLOUT_ERRORS = {
  ERR_RULES_MALFORMED: 'The rule document is not of the documented form, or grants what it may not grant.',
  ERR_CALLOUT_CONFIG: 'A setting of the callout is missing or out of bounds.',
  ERR_CALLOUT_START: 'The callout could not start.',
  ERR_REQUEST_NOT_SEALED: 'An authorization request was not sealed, or not for this callout.',
  ERR_REQUEST_MALFORMED: 'An authorization request is not of the documented form.',
  ERR_REQUEST_SIGNATURE:
    'An authorization request is not signed by a nats-server, or not by the one it names.',
  ERR_REQUEST_MISDIRECTED: 'An authorization request is meant for another service or issuer.',
  ERR_REQUEST_EXPIRED: 'An authorization request is past its end; nobody waits for its answer any more.',
  ERR_REQUEST_SHED: 'An authorization request was dropped because too many were waiting.',
  ERR_TOKEN_MISSING: 'The client sent no JWT-SVID.',
  ERR_TOKEN_TOO_LONG: 'The JWT-SVID is longer than the callout looks at.',
  ERR_CREDENTIAL_MIXED: 'The client sent other credentials beside or instead of its JWT-SVID.',
  ERR_CONNECTION_KIND: 'The client is not an ordinary NATS client connection.',
  ERR_NO_RULE: 'No rule lets this SPIFFE ID in under this connection name.',
  ERR_TRUST_DOMAIN: 'The SPIFFE ID is of another trust domain.',
} as const;

export type CalloutErrorCode = keyof typeof CALLOUT_ERRORS;

/** The one error class of this package. Branch on `code`, not on the class. */
export class CalloutError extends Error {
  override readonly name = 'CalloutError';
  readonly code: CalloutErrorCode;

  constructor(code: CalloutErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
