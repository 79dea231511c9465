import { SpiffeError } from '../../errors.ts';

/** The status codes of gRPC. */
export const GRPC_STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The number of a status. */
export type GrpcStatusCode = (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS];

const MAX_MESSAGE_LENGTH = 1024;
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const NAMES = new Map<number, string>(Object.entries(GRPC_STATUS).map(([name, status]) => [status, name]));

/** Ends a call with a status. Handlers throw it; the client throws it for every status but OK. The message goes over the wire. */
export class GrpcStatusError extends SpiffeError {
  readonly status: GrpcStatusCode;
  /** The `google.rpc.Status` message that came in `grpc-status-details-bin`, not yet decoded. */
  readonly details: Uint8Array | undefined;

  constructor(
    status: GrpcStatusCode,
    message: string,
    options?: { readonly cause?: unknown; readonly details?: Uint8Array | undefined },
  ) {
    super('ERR_GRPC_STATUS', message, options);
    this.name = 'GrpcStatusError';
    this.status = status;
    this.details = options?.details;
  }
}

/** The name of a status, such as `PERMISSION_DENIED`. Never throws: an unknown one is named by its number. */
export function grpcStatusName(status: number): string {
  return NAMES.get(status) ?? `status ${status}`;
}

/** Reads the text of a `grpc-status` header; whatever is not a known code is UNKNOWN. */
export function parseGrpcStatus(text: string): GrpcStatusCode {
  const status = /^\d{1,2}$/.test(text) ? Number(text) : GRPC_STATUS.UNKNOWN;
  return NAMES.has(status) ? (status as GrpcStatusCode) : GRPC_STATUS.UNKNOWN;
}

/** Percent-encodes a `grpc-message`: printable ASCII but "%" stays, the rest is escaped byte by byte. */
export function encodeGrpcMessage(message: string): string {
  let encoded = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** Decodes a `grpc-message`; broken escapes are left as they stand. Cut, and on one line: it goes into messages, and from there into logs. */
export function decodeGrpcMessage(message: string): string {
  let text = message;
  try {
    text = decodeURIComponent(message);
  } catch {
    // Left as it stands.
  }
  const cut = text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}...` : text;
  return cut.replaceAll(CONTROL, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The bytes of a `grpc-status-details-bin` header: base64, with or without padding. Whatever else it is counts as absent. */
export function parseGrpcDetails(header: string | string[] | undefined): Uint8Array | undefined {
  return typeof header === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(header)
    ? Buffer.from(header, 'base64')
    : undefined;
}
