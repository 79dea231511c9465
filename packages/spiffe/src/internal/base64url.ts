const ALPHABET = /^[A-Za-z0-9_-]*$/;
// Of the last character, the bits that belong to no byte, by length modulo 4.
const UNUSED_BITS = [0, -1, 0x0f, 0x03] as const;
const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Decodes base64url without padding (RFC 7515 section 2), or returns undefined. No other alphabet, no white space, and the unused bits must be zero, so that there is one text per value. */
export function decodeBase64Url(text: string): Buffer | undefined {
  const unused = UNUSED_BITS[(text.length & 3) as 0 | 1 | 2 | 3];
  if (unused === -1 || !ALPHABET.test(text)) {
    return undefined;
  }
  if (unused !== 0 && (CHARACTERS.indexOf(text.charAt(text.length - 1)) & unused) !== 0) {
    return undefined;
  }
  return Buffer.from(text, 'base64url');
}
