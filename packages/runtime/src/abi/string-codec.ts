import type { Codec } from './codec.ts';
import type { Context } from './context.ts';
import { invalidValue, trap } from './traps.ts';

const maxByteLength = 2 ** 28 - 1;
const utf16Tag = 2 ** 31;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// oxlint-disable-next-line no-control-regex -- every code unit of Latin-1 is meant
const latin1Only = /^[\0-\xff]*$/;

function readUtf8(cx: Context, at: number, length: number): string {
  const text = cx.bytes.utf8Slice(at, at + length);
  // The fast decoder replaces what is not UTF-8; a replacement character may also be the guest's own.
  if (text.includes('\ufffd')) {
    try {
      return strictUtf8.decode(cx.bytes.subarray(at, at + length));
    } catch {
      return trap('ERR_TRAP_VALUE', 'A string is not UTF-8.');
    }
  }
  return text;
}

function readUtf16(cx: Context, at: number, length: number): string {
  const text = cx.bytes.ucs2Slice(at, at + length);
  if (!text.isWellFormed()) trap('ERR_TRAP_VALUE', 'A string is not UTF-16.');
  return text;
}

function readString(cx: Context, at: number, units: number): string {
  const { encoding } = cx;
  const isTagged = encoding === 'latin1+utf16' && units >= utf16Tag;
  const isWide = encoding === 'utf16' || isTagged;
  const length = isWide ? 2 * (isTagged ? units - utf16Tag : units) : units;
  if (length > maxByteLength) trap('ERR_TRAP_MEMORY', `A string of ${length} bytes is too long.`);
  cx.check(at, length, encoding === 'utf8' ? 1 : 2);
  if (length === 0) return '';
  cx.root.spend(length);
  if (isWide) return readUtf16(cx, at, length);
  return encoding === 'utf8' ? readUtf8(cx, at, length) : cx.bytes.latin1Slice(at, at + length);
}

/** Writes a string into memory the guest allocates; its length in units is left in `cx.length`. */
function writeString(cx: Context, value: unknown): number {
  if (typeof value !== 'string') throw invalidValue('string', value);
  if (value.length * 2 > maxByteLength) throw invalidValue('string below 2^28 bytes', value);
  if (cx.encoding === 'utf8') {
    const length = Buffer.byteLength(value);
    const at = cx.allocate(length, 1);
    if (length > 0) cx.bytes.utf8Write(value, at, length);
    cx.length = length;
    return at;
  }
  if (cx.encoding === 'latin1+utf16' && latin1Only.test(value)) {
    const at = cx.allocate(value.length, 2);
    if (value.length > 0) cx.bytes.latin1Write(value, at, value.length);
    cx.length = value.length;
    return at;
  }
  const text = value.toWellFormed();
  const length = 2 * text.length;
  const at = cx.allocate(length, 2);
  if (length > 0) cx.bytes.ucs2Write(text, at, length);
  cx.length = cx.encoding === 'utf16' ? text.length : text.length + utf16Tag;
  return at;
}

export const stringCodec: Codec = {
  load: (cx, at) => readString(cx, cx.view.getUint32(at, true), cx.view.getUint32(at + 4, true)),
  store: (cx, at, value) => {
    const start = writeString(cx, value);
    cx.view.setUint32(at, start, true);
    cx.view.setUint32(at + 4, cx.length, true);
  },
  lift: (cx, a, b) => readString(cx, (a as number) >>> 0, (b as number) >>> 0),
  liftFrom: (cx, flat, at) => readString(cx, (flat[at] as number) >>> 0, (flat[at + 1] as number) >>> 0),
  lower: (cx, value) => writeString(cx, value),
  lowerInto: (cx, value, flat) => {
    flat.push(writeString(cx, value), cx.length);
  },
};
