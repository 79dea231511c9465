import { isSpiffeError, SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';
import { GRPC_STATUS, GrpcStatusError } from '../wire/grpc/status.ts';
import type { GrpcStatusCode } from '../wire/grpc/status.ts';
import { findErrorInfo } from '../wire/messages/error-info.ts';

const CODES: Partial<Record<GrpcStatusCode, SpiffeErrorCode>> = {
  [GRPC_STATUS.INVALID_ARGUMENT]: 'ERR_REQUEST_REFUSED',
  [GRPC_STATUS.DEADLINE_EXCEEDED]: 'ERR_TIMEOUT',
  [GRPC_STATUS.NOT_FOUND]: 'ERR_WORKLOAD_NOT_FOUND',
  [GRPC_STATUS.PERMISSION_DENIED]: 'ERR_NO_IDENTITY',
  [GRPC_STATUS.UNIMPLEMENTED]: 'ERR_ENDPOINT_UNIMPLEMENTED',
  [GRPC_STATUS.UNAVAILABLE]: 'ERR_ENDPOINT_UNAVAILABLE',
};

const REASON_DOMAIN = 'spiffe.io';
/** Reasons that say more than the status does (SPIFFE Broker API, errors). */
const REASON_CODES = new Map<string, SpiffeErrorCode>([
  ['WORKLOAD_REFERENCE_INVALID', 'ERR_WORKLOAD_REFERENCE'],
  ['WORKLOAD_NOT_FOUND', 'ERR_WORKLOAD_NOT_FOUND'],
  ['WORKLOAD_NOT_ENTITLED', 'ERR_NO_IDENTITY'],
]);

/** Said beside what the endpoint says, which is often not enough to go on. */
const ADVICE: Partial<Record<SpiffeErrorCode, string>> = {
  ERR_NO_IDENTITY: 'the process that asks must be registered there',
};

const FATAL_CODES = new Set<SpiffeErrorCode>([
  'ERR_REQUEST_REFUSED',
  'ERR_WORKLOAD_REFERENCE',
  // What was found once may be another workload the next time.
  'ERR_WORKLOAD_NOT_FOUND',
  'ERR_ENDPOINT_UNIMPLEMENTED',
  'ERR_ENDPOINT_ADDRESS',
  'ERR_CLOSED',
  'ERR_ABORTED',
]);

/** Gives a failed call the code a caller branches on; the gRPC error stays as its cause. */
export function toCallError(error: unknown): SpiffeError {
  if (error instanceof GrpcStatusError) {
    const reason = findErrorInfo(error.details, REASON_DOMAIN)?.reason ?? '';
    const code = REASON_CODES.get(reason) ?? CODES[error.status] ?? 'ERR_GRPC_STATUS';
    const advice = ADVICE[code];
    const message = advice === undefined ? error.message : `${error.message} (${advice})`;
    return new SpiffeError(code, message, { cause: error });
  }
  if (isSpiffeError(error)) {
    return error;
  }
  return new SpiffeError('ERR_ENDPOINT_UNAVAILABLE', 'Call failed before it reached the endpoint', {
    cause: error,
  });
}

/** Says whether the same call would only fail the same way again (SPIFFE Workload API section 4.3). */
export function isFatal(error: SpiffeError): boolean {
  return FATAL_CODES.has(error.code);
}

/** Runs a parser over a response and marks what it throws as the endpoint's fault, unless the code already says more. */
export function parseResponse<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (isSpiffeError(error) && error.code.startsWith('ERR_PROTOBUF_')) {
      throw new SpiffeError('ERR_ENDPOINT_RESPONSE', `Cannot read ${what}: it is not a valid message`, {
        cause: error,
      });
    }
    throw error;
  }
}
