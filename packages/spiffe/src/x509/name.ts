import { DER_TAG, derMalformed, expectTag, readDerAll, readDerOid } from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';

const MAX_RELATIVE_NAMES = 64;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const IA5_STRING = 0x16;
// As X.680 section 41.4 has it, and the two characters that are found all the same.
const PRINTABLE = /^[A-Za-z0-9 '()+,./:=?*&-]*$/;
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
    case IA5_STRING:
      return ASCII.test(toLatin1(contents));
    default:
      return true;
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

function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
