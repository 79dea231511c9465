import { int32Field, message, repeatedMessages, stringField } from '../protobuf/codec.ts';
import type { MessageCodec } from '../protobuf/codec.ts';
import { anyMessage } from './any.ts';
import type { AnyMessage } from './any.ts';

const ERROR_INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo';

/** `google.rpc.Status`: what `grpc-status-details-bin` holds. */
export interface StatusMessage {
  readonly code: number;
  readonly message: string;
  readonly details: readonly AnyMessage[];
}

/** `google.rpc.ErrorInfo`: the reason is unique within the domain. Its metadata is not read. */
export interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
}

/** Codec of `google.rpc.Status`. */
export const statusMessage: MessageCodec<StatusMessage> = message<StatusMessage>({
  code: int32Field(1),
  message: stringField(2),
  details: repeatedMessages(3, anyMessage),
});

const errorInfo: MessageCodec<ErrorInfo> = message<ErrorInfo>({
  reason: stringField(1),
  domain: stringField(2),
});

/** Writes the details of a status: one ErrorInfo. Never throws. */
export function encodeErrorInfo(code: number, text: string, info: ErrorInfo): Uint8Array {
  const detail = { typeUrl: ERROR_INFO_TYPE, value: errorInfo.encode(info) };
  return statusMessage.encode({ code, message: text, details: [detail] });
}

/**
 * Finds the first ErrorInfo of a domain in the details of a status. Never throws: details that cannot be read have none,
 * since they only explain an error that stands without them.
 */
export function findErrorInfo(details: Uint8Array | undefined, domain: string): ErrorInfo | undefined {
  if (details === undefined) {
    return undefined;
  }
  try {
    return statusMessage
      .decode(details)
      .details.filter(({ typeUrl }) => typeUrl === ERROR_INFO_TYPE)
      .map(({ value }) => errorInfo.decode(value))
      .find((info) => info.domain === domain);
  } catch {
    return undefined;
  }
}
