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

const DIGIT_ZERO = 0x30;
const LETTER_Z = 0x5a;

/** One DER element. Both byte fields are views into the input. */
export interface DerElement {
  readonly tag: number;
  readonly contents: Uint8Array;
  /** Tag, length and contents. */
  readonly bytes: Uint8Array;
}

/** Knows where its parts are. Views of them are made when they are asked for: most elements are only walked through. */
class Element implements DerElement {
  readonly tag: number;
  readonly source: Uint8Array;
  readonly start: number;
  readonly contentsStart: number;
  readonly end: number;

  constructor(source: Uint8Array, tag: number, start: number, contentsStart: number, end: number) {
    this.tag = tag;
    this.source = source;
    this.start = start;
    this.contentsStart = contentsStart;
    this.end = end;
  }

  get contents(): Uint8Array {
    return this.source.subarray(this.contentsStart, this.end);
  }

  get bytes(): Uint8Array {
    return this.source.subarray(this.start, this.end);
  }
}

/** Reads exactly one element that fills the input. Definite, minimal lengths and one-byte tags only. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDer(bytes: Uint8Array): DerElement {
  const element = readAt(bytes, 0, bytes.length);
  if (element.end !== bytes.length) {
    throw derMalformed('bytes follow the element');
  }
  return element;
}

/** Reads the elements that fill the input, at most `limit` (default 10000), which may be none. Elements inside are not looked at. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDerAll(bytes: Uint8Array, limit = 10_000): DerElement[] {
  return readRange(bytes, 0, bytes.length, limit);
}

/** Reads the elements inside an element after checking its tag; at most `limit`, default 10000. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDerChildren(element: DerElement, tag: number, limit = 10_000): DerElement[] {
  expectTag(element, tag);
  return element instanceof Element
    ? readRange(element.source, element.contentsStart, element.end, limit)
    : readDerAll(element.contents, limit);
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

/** The dotted text of an OBJECT IDENTIFIER. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDerOid(element: DerElement | undefined): string {
  const { contents } = expectTag(element, DER_TAG.OBJECT_IDENTIFIER);
  if (contents.length === 0 || contents.length > 64) {
    throw derMalformed('object identifier must have 1 to 64 bytes');
  }
  let text = '';
  let arc = 0;
  let isFirstOfArc = true;
  for (const byte of contents) {
    if ((isFirstOfArc && byte === 0x80) || arc > 0x1f_ffff_ffff) {
      throw derMalformed('object identifier is not minimal or too large');
    }
    arc = arc * 128 + (byte & 0x7f);
    isFirstOfArc = byte < 0x80;
    if (isFirstOfArc) {
      text = text === '' ? firstArcs(arc) : `${text}.${arc}`;
      arc = 0;
    }
  }
  if (!isFirstOfArc) {
    throw derMalformed('object identifier ends inside an arc');
  }
  return text;
}

/** The first two arcs share one number. */
function firstArcs(both: number): string {
  const root = Math.min(2, Math.floor(both / 40));
  return `${root}.${both - root * 40}`;
}

/** The value of a BOOLEAN, which DER writes in one way only. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDerBoolean(element: DerElement): boolean {
  const { contents } = expectTag(element, DER_TAG.BOOLEAN);
  const [value] = contents;
  if (contents.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw derMalformed('boolean must be one byte, 00 or FF');
  }
  return value === 0xff;
}

/** A non-negative INTEGER below 2^31. Throws SpiffeError `ERR_DER_MALFORMED`. */
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

/** The bytes of a BIT STRING and how many bits at the end are unused. Throws SpiffeError `ERR_DER_MALFORMED`. */
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

/** A UTCTime or GeneralizedTime as X.509 has it (RFC 5280 section 4.1.2.5), in ms since the epoch. Throws SpiffeError `ERR_DER_MALFORMED`. */
export function readDerTime(element: DerElement | undefined): number {
  const isUtc = element?.tag === DER_TAG.UTC_TIME;
  const isGeneralized = element?.tag === DER_TAG.GENERALIZED_TIME;
  const text = element?.contents ?? new Uint8Array(0);
  const yearDigits = isUtc ? 2 : 4;
  if (!(isUtc || isGeneralized) || text.length !== yearDigits + 11 || text[yearDigits + 10] !== LETTER_Z) {
    throw derMalformed('time must be YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ');
  }
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((at) =>
    readDigits(text, yearDigits + at),
  ) as [number, number, number, number, number];
  const last = readDigits(text, yearDigits - 2);
  const year = isUtc ? (last >= 50 ? 1900 : 2000) + last : readDigits(text, 0) * 100 + last;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // Impossible dates have been rolled over instead of refused.
  const isDate =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isDate || hour > 23 || minute > 59 || second > 59) {
    throw derMalformed('time is not a date');
  }
  return date.setUTCHours(hour, minute, second, 0);
}

function readDigits(text: Uint8Array, at: number): number {
  const [tens, ones] = [text[at]! - DIGIT_ZERO, text[at + 1]! - DIGIT_ZERO];
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) {
    throw derMalformed('time must be YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ');
  }
  return tens * 10 + ones;
}

function readRange(source: Uint8Array, start: number, end: number, limit: number): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = start; offset < end;) {
    if (elements.length >= limit) {
      throw derMalformed(`more than ${limit} elements`);
    }
    const element = readAt(source, offset, end);
    elements.push(element);
    offset = element.end;
  }
  return elements;
}

/** Nothing at or behind `limit` is looked at. */
function readAt(bytes: Uint8Array, start: number, limit: number): Element {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || start + 2 > limit) {
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
      if (byte === undefined || contentsStart + index >= limit) {
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
  if (end > limit) {
    throw derMalformed('element is longer than the input');
  }
  return new Element(bytes, tag, start, contentsStart, end);
}

export function derMalformed(reason: string): SpiffeError {
  return new SpiffeError('ERR_DER_MALFORMED', `Cannot read DER: ${reason}`);
}
