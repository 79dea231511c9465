const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * Turns the raw signature of a JWS, r and s of a fixed length (RFC 7518 section 3.4), into DER. Returns undefined for
 * another length and where r or s is zero. Done here because node:crypto takes a third longer for its own conversion.
 */
export function encodeEcdsaSignature(raw: Uint8Array, integerBytes: number): Buffer | undefined {
  if (raw.length !== 2 * integerBytes) {
    return undefined;
  }
  const rStart = skipZeros(raw, 0, integerBytes);
  const sStart = skipZeros(raw, integerBytes, 2 * integerBytes);
  const rBytes = integerBytes - rStart;
  const sBytes = 2 * integerBytes - sStart;
  if (rBytes === 0 || sBytes === 0) {
    return undefined;
  }
  const rPad = raw[rStart]! >> 7;
  const sPad = raw[sStart]! >> 7;
  const contents = 4 + rPad + rBytes + sPad + sBytes;
  const header = contents < 0x80 ? 2 : 3;
  const encoded = Buffer.alloc(header + contents);
  encoded[0] = SEQUENCE;
  if (header === 3) {
    encoded[1] = 0x81;
  }
  encoded[header - 1] = contents;
  writeInteger(encoded, header, raw, rStart, rBytes, rPad);
  writeInteger(encoded, header + 2 + rPad + rBytes, raw, sStart, sBytes, sPad);
  return encoded;
}

function skipZeros(raw: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end && raw[index] === 0) {
    index += 1;
  }
  return index;
}

function writeInteger(
  to: Buffer,
  at: number,
  raw: Uint8Array,
  start: number,
  length: number,
  pad: number,
): void {
  to[at] = INTEGER;
  to[at + 1] = pad + length;
  to.set(raw.subarray(start, start + length), at + 2 + pad);
}
