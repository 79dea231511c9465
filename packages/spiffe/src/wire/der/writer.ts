import { SpiffeError } from '../../errors.ts';
import { DER_TAG } from './reader.ts';

const UTC_TIME_END = Date.UTC(2050, 0, 1);
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

/** Writes DER: each function returns one complete element. */
export interface DerWriter {
  sequence(...children: readonly Uint8Array[]): Uint8Array;
  /** Children are sorted, as DER wants it for SET OF. */
  set(...children: readonly Uint8Array[]): Uint8Array;
  /** Bytes are an unsigned big-endian number. */
  integer(value: number | bigint | Uint8Array): Uint8Array;
  oid(dotted: string): Uint8Array;
  boolean(value: boolean): Uint8Array;
  null(): Uint8Array;
  bitString(bytes: Uint8Array, unusedBits?: number): Uint8Array;
  octetString(bytes: Uint8Array): Uint8Array;
  utf8String(text: string): Uint8Array;
  printableString(text: string): Uint8Array;
  /** Ms since the epoch, cut to seconds: UTCTime to 2049, GeneralizedTime after. */
  time(at: number): Uint8Array;
  /** A constructed element `[tagNumber]` around complete elements. */
  explicit(tagNumber: number, contents: Uint8Array): Uint8Array;
  /** A primitive element `[tagNumber]` with raw contents. */
  implicit(tagNumber: number, contents: Uint8Array): Uint8Array;
  element(tag: number, contents: Uint8Array): Uint8Array;
}

/** The writer. Throws SpiffeError `ERR_DER_MALFORMED` for what DER cannot say, such as a negative integer. */
export const der: DerWriter = {
  sequence: (...children) => element(DER_TAG.SEQUENCE, Buffer.concat(children)),
  set: (...children) =>
    element(DER_TAG.SET, Buffer.concat([...children].sort((a, b) => Buffer.compare(a, b)))),
  integer: (value) => element(DER_TAG.INTEGER, integerContents(value)),
  oid: (dotted) => element(DER_TAG.OBJECT_IDENTIFIER, oidContents(dotted)),
  boolean: (value) => element(DER_TAG.BOOLEAN, Uint8Array.of(value ? 0xff : 0)),
  null: () => element(DER_TAG.NULL, new Uint8Array(0)),
  bitString: (bytes, unusedBits = 0) =>
    element(DER_TAG.BIT_STRING, Buffer.concat([Uint8Array.of(unusedBits), bytes])),
  octetString: (bytes) => element(DER_TAG.OCTET_STRING, bytes),
  utf8String: (text) => element(DER_TAG.UTF8_STRING, Buffer.from(text, 'utf8')),
  printableString: (text) => element(DER_TAG.PRINTABLE_STRING, Buffer.from(text, 'latin1')),
  time,
  explicit: (tagNumber, contents) => element(CONTEXT | CONSTRUCTED | tagNumber, contents),
  implicit: (tagNumber, contents) => element(CONTEXT | tagNumber, contents),
  element,
};

function element(tag: number, contents: Uint8Array): Uint8Array {
  const { length } = contents;
  const header = [tag];
  if (length < 0x80) {
    header.push(length);
  } else {
    const lengthBytes: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) {
      lengthBytes.unshift(rest % 256);
    }
    header.push(0x80 | lengthBytes.length, ...lengthBytes);
  }
  return Buffer.concat([Uint8Array.from(header), contents]);
}

function integerContents(value: number | bigint | Uint8Array): Uint8Array {
  let bytes: Uint8Array;
  if (value instanceof Uint8Array) {
    bytes = value;
  } else {
    const number = BigInt(value);
    if (number < 0n) {
      throw new SpiffeError('ERR_DER_MALFORMED', 'Cannot write DER integer: it must not be negative');
    }
    const hex = number.toString(16);
    bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  }
  const start = bytes.findIndex((byte) => byte !== 0);
  if (start === -1) {
    return Uint8Array.of(0);
  }
  const trimmed = bytes.subarray(start);
  return trimmed[0]! >= 0x80 ? Buffer.concat([Uint8Array.of(0), trimmed]) : trimmed;
}

function oidContents(dotted: string): Uint8Array {
  const [root, second, ...rest] = dotted.split('.').map(Number);
  const arcs = [root! * 40 + second!, ...rest];
  if (arcs.some((arc) => !Number.isSafeInteger(arc) || arc < 0)) {
    throw new SpiffeError(
      'ERR_DER_MALFORMED',
      `Cannot write DER object identifier "${dotted}": it must be dotted numbers`,
    );
  }
  const bytes: number[] = [];
  for (const arc of arcs) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left % 128) | 0x80);
    }
    bytes.push(...groups);
  }
  return Uint8Array.from(bytes);
}

function time(at: number): Uint8Array {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return at < UTC_TIME_END
    ? element(DER_TAG.UTC_TIME, Buffer.from(digits.slice(2), 'latin1'))
    : element(DER_TAG.GENERALIZED_TIME, Buffer.from(digits, 'latin1'));
}
