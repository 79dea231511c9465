const slice = Reflect.get(Buffer.prototype, 'latin1Slice') as (start: number, end: number) => string;

/** Bytes as text with one character per byte; without a copy of them first. */
export function latin1Of(bytes: Uint8Array): string {
  return Reflect.apply(slice, bytes, [0, bytes.length]);
}
