import { SpiffeError } from '../../errors.ts';

/** Tags of the DER elements that X.509 and PKCS#8 use. */
export const DER_TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** One DER element. Both byte fields are views into the input. */
export interface DerElement {
  readonly tag: number;
  readonly contents: Uint8Array;
  /** Tag, length and contents. */
  readonly bytes: Uint8Array;
}

/** Reads exactly one element that fills the input. Definite, minimal lengths and one-byte tags only. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDer(bytes: Uint8Array): DerElement {
  const element = readAt(bytes, 0);
  if (element.bytes.length !== bytes.length) {
    throw derMalformed('bytes follow the element');
  }
  return element;
}

/** Reads the elements that fill the input, at most `limit` (default 10000), which may be none. Elements inside are not looked at. */
export function readDerAll(bytes: Uint8Array, limit = 10_000): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    if (elements.length >= limit) {
      throw derMalformed(`more than ${limit} elements`);
    }
    const element = readAt(bytes, offset);
    elements.push(element);
    offset += element.bytes.length;
  }
  return elements;
}

/** Reads the elements inside an element after checking its tag. */
export function readDerChildren(element: DerElement, tag: number, limit?: number): DerElement[] {
  return readDerAll(expectTag(element, tag).contents, limit);
}

/** Returns the element if it is there and has the tag. */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element === undefined) {
    throw derMalformed('an element is missing');
  }
  if (element.tag !== tag) {
    throw derMalformed(`tag must be 0x${tag.toString(16)} but is 0x${element.tag.toString(16)}`);
  }
  return element;
}

/** The dotted text of an OBJECT IDENTIFIER. */
export function readDerOid(element: DerElement | undefined): string {
  const { contents } = expectTag(element, DER_TAG.OBJECT_IDENTIFIER);
  if (contents.length === 0 || contents.length > 64) {
    throw derMalformed('object identifier must have 1 to 64 bytes');
  }
  const arcs: number[] = [];
  let arc = 0;
  let isFirstOfArc = true;
  for (const byte of contents) {
    if ((isFirstOfArc && byte === 0x80) || arc > 0x1f_ffff_ffff) {
      throw derMalformed('object identifier is not minimal or too large');
    }
    arc = arc * 128 + (byte & 0x7f);
    isFirstOfArc = byte < 0x80;
    if (isFirstOfArc) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first] = arcs;
  if (first === undefined || !isFirstOfArc) {
    throw derMalformed('object identifier ends inside an arc');
  }
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}

export function readDerBoolean(element: DerElement): boolean {
  const { contents } = expectTag(element, DER_TAG.BOOLEAN);
  const [value] = contents;
  if (contents.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw derMalformed('boolean must be one byte, 00 or FF');
  }
  return value === 0xff;
}

/** A non-negative INTEGER below 2^31. */
export function readDerSmallInteger(element: DerElement): number {
  const { contents } = checkInteger(element);
  if (contents.length > 4 || contents[0]! >= 0x80) {
    throw derMalformed('integer must be between 0 and 2147483647');
  }
  return contents.reduce((value, byte) => value * 256 + byte, 0);
}

/** Returns the element if it is a minimally encoded INTEGER. */
export function checkInteger(element: DerElement | undefined): DerElement {
  const integer = expectTag(element, DER_TAG.INTEGER);
  const [first, second] = integer.contents;
  const isMinimal =
    first !== undefined &&
    (second === undefined || !((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)));
  if (!isMinimal) {
    throw derMalformed('integer is not minimal');
  }
  return integer;
}

/** The bytes of a BIT STRING and how many bits at the end are unused. */
export function readDerBitString(element: DerElement | undefined): {
  readonly bytes: Uint8Array;
  readonly unusedBits: number;
} {
  const { contents } = expectTag(element, DER_TAG.BIT_STRING);
  const unusedBits = contents[0];
  const bytes = contents.subarray(1);
  if (unusedBits === undefined || unusedBits > 7 || (bytes.length === 0 && unusedBits !== 0)) {
    throw derMalformed('bit string has a wrong number of unused bits');
  }
  if (bytes.length > 0 && (bytes.at(-1)! & ((1 << unusedBits) - 1)) !== 0) {
    throw derMalformed('unused bits of a bit string must be zero');
  }
  return { bytes, unusedBits };
}

/** A UTCTime or GeneralizedTime as X.509 has it (RFC 5280 section 4.1.2.5), in ms since the epoch. */
export function readDerTime(element: DerElement | undefined): number {
  const text = Buffer.from(element?.contents ?? []).toString('latin1');
  const isUtc = element?.tag === DER_TAG.UTC_TIME;
  const isGeneralized = element?.tag === DER_TAG.GENERALIZED_TIME;
  const digits = isUtc ? 12 : 14;
  if (!(isUtc || isGeneralized) || text.length !== digits + 1 || !/^\d+Z$/.test(text)) {
    throw derMalformed('time must be YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ');
  }
  const full = isUtc ? `${Number(text.slice(0, 2)) >= 50 ? '19' : '20'}${text}` : text;
  const [year, month, day, hour, minute, second] = [
    full.slice(0, 4),
    ...[4, 6, 8, 10, 12].map((start) => full.slice(start, start + 2)),
  ];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const at = Date.parse(iso);
  // Date.parse rolls some impossible dates over instead of refusing them.
  if (Number.isNaN(at) || new Date(at).toISOString() !== iso) {
    throw derMalformed('time is not a date');
  }
  return at;
}

function readAt(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) {
    throw derMalformed('input ends inside an element');
  }
  if ((tag & 0x1f) === 0x1f) {
    throw derMalformed('tags of more than one byte are not accepted');
  }
  let contentsStart = start + 2;
  let length = first;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 4) {
      throw derMalformed('length must be definite and have at most 4 bytes');
    }
    length = 0;
    for (let index = 0; index < lengthBytes; index += 1) {
      const byte = bytes[contentsStart + index];
      if (byte === undefined) {
        throw derMalformed('input ends inside a length');
      }
      length = length * 256 + byte;
    }
    if (length < 0x80 || length < 256 ** (lengthBytes - 1)) {
      throw derMalformed('length is not minimal');
    }
    contentsStart += lengthBytes;
  }
  const end = contentsStart + length;
  if (end > bytes.length) {
    throw derMalformed('element is longer than the input');
  }
  return { tag, contents: bytes.subarray(contentsStart, end), bytes: bytes.subarray(start, end) };
}

export function derMalformed(reason: string): SpiffeError {
  return new SpiffeError('ERR_DER_MALFORMED', `Cannot read DER: ${reason}`);
}
