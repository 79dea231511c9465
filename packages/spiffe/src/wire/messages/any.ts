import { bytesField, message, stringField } from '../protobuf/codec.ts';
import type { MessageCodec } from '../protobuf/codec.ts';

/** `google.protobuf.Any`: a message of a type that is named beside it. */
export interface AnyMessage {
  /** Such as `type.googleapis.com/package.Message`. */
  readonly typeUrl: string;
  /** The message, encoded. */
  readonly value: Uint8Array;
}

export const anyMessage: MessageCodec<AnyMessage> = message<AnyMessage>({
  typeUrl: stringField(1),
  value: bytesField(2),
});
