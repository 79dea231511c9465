import { DER_TAG, derMalformed, expectTag, readDerAll, readDerOid } from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';

const MAX_RELATIVE_NAMES = 64;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const TAG = { NUMERIC: 0x12, TELETEX: 0x14, IA5: 0x16, BMP: 0x1e } as const;
// As X.680 section 41.4 has it, and the two characters that are found all the same.
const PRINTABLE = /^[A-Za-z0-9 '()+,./:=?*&-]*$/;
const NUMERIC = /^[0-9 ]*$/;
const ASCII = /^[\0-\x7f]*$/;

/**
 * Checks that a distinguished name is one (RFC 5280 section 4.1.2.4): sets of a type with a value, whose text is what its tag
 * says. The name is compared as bytes afterwards. Throws SpiffeError `ERR_DER_MALFORMED`.
 */
export function checkName(name: DerElement): void {
  for (const relative of readDerAll(name.contents, MAX_RELATIVE_NAMES)) {
    const attributes = readDerAll(expectTag(relative, DER_TAG.SET).contents, MAX_RELATIVE_NAMES);
    if (attributes.length === 0) {
      throw derMalformed('a relative name must have an attribute');
    }
    for (const attribute of attributes) {
      const [type, value, ...rest] = readDerAll(expectTag(attribute, DER_TAG.SEQUENCE).contents, 3);
      readDerOid(type);
      if (value === undefined || rest.length > 0 || !isText(value)) {
        throw derMalformed('an attribute of a name must be a type and a value');
      }
    }
  }
}

function isText({ tag, contents }: DerElement): boolean {
  switch (tag) {
    case DER_TAG.UTF8_STRING:
      return isUtf8(contents);
    case DER_TAG.PRINTABLE_STRING:
      return PRINTABLE.test(toLatin1(contents));
    case TAG.IA5:
      return ASCII.test(toLatin1(contents));
    case TAG.NUMERIC:
      return NUMERIC.test(toLatin1(contents));
    case TAG.BMP:
      return isBmp(contents);
    default:
      // Every byte of a TeletexString stands for something. Other kinds of value are in no name that is in use.
      return tag === TAG.TELETEX;
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    UTF8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Two bytes a character, of which none is half of one or none at all. */
function isBmp(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 2) {
    const unit = bytes[index]! * 256 + (bytes[index + 1] ?? -65_536);
    const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
    const isNone = unit < 0 || unit >= 0xfffe || (unit >= 0xfdd0 && unit <= 0xfdef);
    if (isSurrogate || isNone) {
      return false;
    }
  }
  return true;
}

function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
