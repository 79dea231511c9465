const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

const VALUES = new Int8Array(128).fill(-1);
for (let value = 0; value < ALPHABET.length; value += 1) VALUES[ALPHABET.charCodeAt(value)] = value;

/** RFC 4648 base32 without padding. */
export function base32Encode(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let pending = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(pending >>> bits) & 31];
    }
    pending &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(pending << (5 - bits)) & 31] : text;
}

/**
 * Decodes ASCII base32 without padding from `text` into `out`. False unless every character is of the alphabet, `out`
 * is filled exactly and unused bits are zero. Works on bytes so that a seed need not become a string.
 */
export function base32Decode(text: Uint8Array, out: Uint8Array): boolean {
  if (text.length !== Math.ceil((out.length * 8) / 5)) return false;
  let bits = 0;
  let pending = 0;
  let at = 0;
  for (const character of text) {
    const value = character < 128 ? (VALUES[character] ?? -1) : -1;
    if (value < 0) return false;
    pending = (pending << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at] = pending >>> bits;
      at += 1;
      pending &= (1 << bits) - 1;
    }
  }
  return pending === 0 && at === out.length;
}
