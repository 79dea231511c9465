/** Every error code of this package with its meaning. docs/errors.md is generated from this table. */
export const SPIFFE_ERRORS = {
  ERR_ID_EMPTY: 'The SPIFFE ID is the empty string.',
  ERR_ID_NOT_TEXT: 'What was given as SPIFFE ID, path or trust domain is not a string.',
  ERR_ID_SCHEME: 'The SPIFFE ID does not begin with "spiffe://".',
  ERR_ID_TOO_LONG: 'The SPIFFE ID is longer than 2048 bytes.',
  ERR_ID_TRUST_DOMAIN_MISSING: 'The trust domain is empty.',
  ERR_ID_TRUST_DOMAIN_CHARACTER: 'The trust domain has a character outside a-z, 0-9, ".", "-" and "_".',
  ERR_ID_TRUST_DOMAIN_TOO_LONG: 'The trust domain is longer than 255 bytes.',
  ERR_ID_PATH_CHARACTER: 'The path has a character outside A-Z, a-z, 0-9, ".", "-" and "_".',
  ERR_ID_PATH_DOT_SEGMENT: 'The path has a "." or ".." segment.',
  ERR_ID_PATH_EMPTY_SEGMENT: 'The path has an empty segment.',
  ERR_ID_PATH_TRAILING_SLASH: 'The path ends in a slash.',
  ERR_ID_PATH_LEADING_SLASH: 'The path does not begin with a slash.',
  ERR_ID_TEMPLATE:
    'The template or path prefix cannot be meant, or a value for a template is missing, unknown or not allowed.',
  ERR_ID_MATCHER:
    'A matcher was made of what is no SPIFFE ID or trust domain, is asynchronous, or returns its verdict.',
  ERR_ID_NOT_AUTHORIZED: 'The SPIFFE ID is valid, but it is not one that the matcher lets pass.',

  ERR_DER_MALFORMED: 'The bytes are not DER, or not the structure that was expected.',
  ERR_PROTOBUF_MALFORMED: 'The bytes are not a valid protocol buffers message.',
  ERR_PROTOBUF_LIMIT: 'The message has more fields, elements or nesting than the reader accepts.',
  ERR_GRPC_STATUS: 'The call ended with a gRPC status other than OK; `status` holds it.',

  ERR_CERTIFICATE_MALFORMED: 'The certificate is not a well-formed X.509 version 3 certificate.',
  ERR_CERTIFICATE_VERSION: 'The certificate is not of version 3.',
  ERR_CERTIFICATE_SERIAL_NUMBER: 'The serial number is negative or longer than 20 bytes.',
  ERR_CERTIFICATE_ISSUER_EMPTY: 'The certificate names no issuer.',
  ERR_CERTIFICATE_VALIDITY: 'The validity is not two times in UTC with seconds.',
  ERR_CERTIFICATE_EXTENSION_REPEATED: 'The certificate has the same extension twice.',
  ERR_CERTIFICATE_ALGORITHM_MISMATCH:
    'The signature algorithm inside of what is signed differs from the one outside.',
  ERR_CERTIFICATE_ALGORITHM: 'The certificate is signed by an algorithm that is not accepted.',
  ERR_CERTIFICATE_KEY:
    'The public key of the certificate is unreadable, too weak, too large or of a kind that is not accepted.',
  ERR_CERTIFICATE_CRITICAL_EXTENSION: 'The certificate has a critical extension that is not understood.',
  ERR_CERTIFICATE_SAN_NOT_CRITICAL:
    'The subject is empty and the subject alternative name extension is not critical.',

  ERR_SVID_CHAIN_EMPTY: 'The certificate chain is empty.',
  ERR_SVID_CHAIN_TOO_LONG: 'The certificate chain has more certificates than are accepted.',
  ERR_SVID_URI_SAN_MISSING: 'The leaf has no URI subject alternative name.',
  ERR_SVID_URI_SAN_MULTIPLE: 'The leaf has more than one URI subject alternative name.',
  ERR_SVID_URI_SAN_INVALID: 'The URI subject alternative name of the leaf is not a SPIFFE ID.',
  ERR_SVID_PATH_MISSING: 'The SPIFFE ID has no path: it names a trust domain, not a workload.',
  ERR_SVID_LEAF_IS_CA: 'The leaf is a certificate authority (cA is true).',
  ERR_SVID_PATH_LENGTH: 'The leaf has a path length constraint, which only an authority may have.',
  ERR_SVID_KEY_USAGE_MISSING: 'The leaf has no key usage extension.',
  ERR_SVID_KEY_USAGE_NOT_CRITICAL: 'The key usage extension of the leaf is not critical.',
  ERR_SVID_DIGITAL_SIGNATURE_MISSING: 'The key usage of the leaf lacks digitalSignature.',
  ERR_SVID_KEY_CERT_SIGN: 'The key usage of the leaf has keyCertSign.',
  ERR_SVID_CRL_SIGN: 'The key usage of the leaf has cRLSign.',
  ERR_SVID_EXTENDED_KEY_USAGE: 'The extended key usage of the leaf lacks serverAuth or clientAuth.',
  ERR_SVID_NOT_YET_VALID: 'The SVID is before its notBefore.',
  ERR_SVID_EXPIRED: 'The SVID is past its notAfter.',
  ERR_SVID_UNTRUSTED: 'No path of certificates leads from the leaf to an authority of its trust domain.',
  ERR_SVID_KEY_MALFORMED: 'The private key is not a single unencrypted PKCS#8 structure.',
  ERR_SVID_KEY_MISMATCH: 'The private key does not belong to the leaf certificate.',
  ERR_SVID_ID_MISMATCH: 'The SPIFFE ID beside the SVID differs from the one inside it.',

  ERR_CA_SIGNATURE: 'The signature of a certificate in the chain does not verify.',
  ERR_CA_NOT_CA: 'An issuing certificate is not a certificate authority (cA is not true).',
  ERR_CA_KEY_USAGE_MISSING: 'An issuing certificate has no key usage extension.',
  ERR_CA_KEY_USAGE_NOT_CRITICAL: 'The key usage extension of an issuing certificate is not critical.',
  ERR_CA_KEY_CERT_SIGN: 'The key usage of an issuing certificate lacks keyCertSign.',
  ERR_CA_EXTENDED_KEY_USAGE:
    'The extended key usage of an issuing certificate lacks serverAuth or clientAuth.',
  ERR_CA_SPIFFE_ID_PATH: 'The SPIFFE ID of an issuing certificate has a path.',
  ERR_CA_PATH_LENGTH: 'A path length constraint of an issuing certificate is exceeded.',
  ERR_CA_NOT_YET_VALID: 'An issuing certificate is before its notBefore.',
  ERR_CA_EXPIRED: 'An issuing certificate is past its notAfter.',
  ERR_CA_NAME_NOT_PERMITTED: 'A name is not among those that an issuing certificate permits.',
  ERR_CA_NAME_EXCLUDED: 'A name is among those that an issuing certificate excludes.',
  ERR_CA_NAME_CONSTRAINT_UNKNOWN:
    'An issuing certificate constrains names of a kind or form that cannot be judged, and there is such a name.',

  ERR_BUNDLE_NOT_FOUND: 'There is no bundle for the trust domain.',
  ERR_BUNDLE_EMPTY: 'The bundle of the trust domain holds no authority.',
  ERR_BUNDLE_MALFORMED: 'The bundle document is malformed.',
  ERR_BUNDLE_ENTRY_IGNORED: 'A part of the bundles is not usable and was passed over; the rest is in use.',
  ERR_BUNDLE_SIZE: 'The bundle document is larger than is accepted.',
  ERR_BUNDLE_ROLLBACK: 'The sequence number of the bundle is below that of the one before.',
  ERR_BUNDLE_TRUST_DOMAIN:
    'The bundle is, or claims the keys of, a trust domain other than the one it is for.',
  ERR_BUNDLE_ENDPOINT_URL: 'The bundle endpoint URL is not an https URL without user info.',
  ERR_BUNDLE_ENDPOINT_STATUS: 'The bundle endpoint answered with a status other than 200.',
  ERR_BUNDLE_ENDPOINT_REDIRECT:
    'The bundle endpoint redirects to where it must not, more than once, or though that is switched off.',
  ERR_BUNDLE_ENDPOINT_IDENTITY: 'The server does not prove to be the bundle endpoint that is configured.',

  ERR_JSON_MALFORMED: 'The text is not JSON, or exceeds the limits on nesting and members.',
  ERR_JSON_DUPLICATE_MEMBER: 'An object of the JSON text names the same member twice.',

  ERR_JWT_TOO_LONG: 'The token is longer than is accepted.',
  ERR_JWT_MALFORMED: 'The token is not a JWS in compact serialisation.',
  ERR_JWT_BASE64: 'A part of the token is not strict base64url.',
  ERR_JWT_HEADER: 'The JOSE header is not a JSON object.',
  ERR_JWT_HEADER_PARAMETER:
    'The JOSE header has a parameter that brings or points to a key, or changes how the token is read.',
  ERR_JWT_ALGORITHM: 'The algorithm of the token is not one that JWT-SVID allows.',
  ERR_JWT_TYPE: 'The "typ" of the token is neither JWT nor JOSE.',
  ERR_JWT_CRITICAL_HEADER: 'The token has a "crit" header, and no extension is understood.',
  ERR_JWT_KEY_ID: 'The "kid" of the token is not a non-empty string of at most 255 characters.',
  ERR_JWT_CLAIMS: 'The claims are not a JSON object.',
  ERR_JWT_SUBJECT_MISSING: 'The "sub" claim is missing.',
  ERR_JWT_SUBJECT: 'The "sub" claim is not a SPIFFE ID.',
  ERR_JWT_SUBJECT_PATH: 'The "sub" claim is a SPIFFE ID without a path: a trust domain, not a workload.',
  ERR_JWT_AUDIENCE: 'The "aud" claim is missing or empty.',
  ERR_JWT_AUDIENCE_MALFORMED: 'The "aud" claim is neither a string nor a list of strings that are not empty.',
  ERR_JWT_AUDIENCE_MISMATCH: 'The token is meant for another audience.',
  ERR_JWT_EXPIRY: 'The "exp" claim is missing.',
  ERR_JWT_EXPIRY_MALFORMED: 'The "exp" claim is not a sensible number of seconds.',
  ERR_JWT_EXPIRED: 'The token is past its "exp".',
  ERR_JWT_NOT_BEFORE: 'The "nbf" claim is not a sensible number of seconds.',
  ERR_JWT_NOT_YET_VALID: 'The token is before its "nbf".',
  ERR_JWT_ISSUED_AT: 'The "iat" claim is not a sensible number of seconds.',
  ERR_JWT_ISSUED_IN_FUTURE: 'The "iat" of the token is in the future.',
  ERR_JWT_KEY_NOT_FOUND: 'The bundle of the trust domain has no key of this "kid".',
  ERR_JWT_KEY_ALGORITHM:
    'The bundle has a key of this "kid", or keys where there is no "kid", but none for this algorithm.',
  ERR_JWT_SIGNATURE: 'The signature of the token does not verify.',

  ERR_WIT_MISSING: 'The request has no WIT-SVID, or several.',
  ERR_WIT_TYPE: 'The "typ" of the token is not "wit+jwt", or that of its proof not "wpt+jwt".',
  ERR_WIT_AUDIENCE: 'The WIT-SVID has an "aud" claim, which it must not.',
  ERR_WIT_CONFIRMATION: 'The WIT-SVID lacks a "cnf.jwk" that is a public key with an allowed "alg".',
  ERR_WIT_PROOF_MISSING: 'The request has no proof that its sender has the key of the WIT-SVID, or several.',
  ERR_WIT_PROOF_ALGORITHM: 'The proof is signed by another algorithm than "cnf.jwk" names.',
  ERR_WIT_PROOF_BINDING: 'The proof belongs to another WIT-SVID, or does not cover the other tokens.',
  ERR_WIT_PROOF_SIGNATURE: 'The proof is not signed by the key of the WIT-SVID.',
  ERR_WIT_PROOF_AUDIENCE: 'The proof is meant for another target URI, or for several.',
  ERR_WIT_PROOF_CLAIMS: 'The "exp", "iat" or "jti" claim of the proof is missing or malformed.',
  ERR_WIT_PROOF_EXPIRED: 'The proof is past its "exp".',
  ERR_WIT_PROOF_LIFETIME: 'The proof is valid for longer than is accepted, or was made in the future.',
  ERR_WIT_PROOF_REPLAYED: 'The proof was used before.',
  ERR_WIT_REPLAY_CACHE_FULL: 'There are too many proofs to remember another one.',

  ERR_FILE_OPTIONS: 'The names, modes or limits given for a file source or sink are not usable.',
  ERR_FILE_READ: 'A file is missing, not readable, not an ordinary file, too large, or changes all the time.',
  ERR_FILE_MALFORMED: 'A file is not PEM, or does not hold the blocks it should.',
  ERR_FILE_WRITE: 'The files could not be written; those that are there are still of one set.',
  ERR_SVID_OUTDATED: 'The SVID in the files is older than the one that is held.',
  ERR_COMMAND_FAILED: 'The command could not be started, failed or was killed.',

  ERR_ENDPOINT_ADDRESS: 'The endpoint address is missing, or not "unix:///absolute/path" or "tcp://ip:port".',
  ERR_ENDPOINT_LIMIT: 'The endpoint sent more, or something larger, than is accepted.',
  ERR_ENDPOINT_UNAVAILABLE: 'The endpoint cannot be reached, or reports itself unavailable.',
  ERR_ENDPOINT_UNIMPLEMENTED: 'The endpoint does not offer this method.',
  ERR_ENDPOINT_RESPONSE: 'The endpoint sent a response that breaks its standard.',
  ERR_REQUEST_REFUSED: 'The endpoint calls the request itself invalid; it is not worth repeating.',
  ERR_WORKLOAD_REFERENCE: 'The reference to a workload is malformed, or one the endpoint does not take.',
  ERR_WORKLOAD_NOT_FOUND: 'The endpoint finds no workload by the reference, or it has ended.',
  ERR_NO_IDENTITY: 'There is no identity for this caller, or it was withdrawn.',
  ERR_TIMEOUT: 'The operation did not finish within its time limit.',
  ERR_ABORTED: 'The operation was cancelled through its AbortSignal.',
  ERR_CLOSED: 'The client or source is closed.',
  ERR_SOURCE_OPTIONS: 'The options given for a client or source are not usable.',
  ERR_TLS_PEER_CERTIFICATE_MISSING: 'The peer presented no certificate.',
  ERR_TLS_HANDSHAKE_INCOMPLETE: 'The connection is not a TLS connection whose handshake has finished.',
  ERR_TLS_SESSION_RESUMED: 'The TLS session was resumed, so the chain of the peer cannot be verified.',
} as const;

/** A stable code from {@link SPIFFE_ERRORS}. Branch on it, never on the message or the class. */
export type SpiffeErrorCode = keyof typeof SPIFFE_ERRORS;

/** The one error class of this package. `code` is stable; the message is for people. */
export class SpiffeError extends Error {
  readonly code: SpiffeErrorCode;

  constructor(code: SpiffeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'SpiffeError';
    this.code = code;
  }
}

/** Says whether a caught value is a {@link SpiffeError}, by code, so that it works across copies of the package. Never throws. */
export function isSpiffeError(value: unknown): value is SpiffeError {
  return (
    value instanceof Error &&
    'code' in value &&
    typeof value.code === 'string' &&
    Object.hasOwn(SPIFFE_ERRORS, value.code)
  );
}
