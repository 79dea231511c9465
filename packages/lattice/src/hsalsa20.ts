/*
 * HSalsa20 with an all-zero input, the second half of NaCl's crypto_box_beforenm. The sodium binding offers X25519 and
 * secretbox but not this step between them; it runs once per peer, not per message.
 */

const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
/** Words of the Salsa20 state that HSalsa20 returns. */
const OUTPUT_WORDS = [0, 5, 10, 15, 6, 7, 8, 9] as const;
/** Each quarter round's four words; eight of them make a double round. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

/** Writes HSalsa20(`key`, 0) into `out`; both 32 bytes. Leaves no copy of the key behind. */
export function hsalsa20(out: Uint8Array, key: Uint8Array): void {
  const input = new DataView(key.buffer, key.byteOffset, 32);
  const word = (index: number): number => input.getUint32(index * 4, true);
  const state = new Uint32Array(16);
  state.set([SIGMA[0], word(0), word(1), word(2), word(3), SIGMA[1]]);
  state.set([SIGMA[2], word(4), word(5), word(6), word(7), SIGMA[3]], 10);
  for (let round = 0; round < 20; round += 2) {
    for (const [a, b, c, d] of QUARTERS) {
      mix(state, b, a, d, 7);
      mix(state, c, b, a, 9);
      mix(state, d, c, b, 13);
      mix(state, a, d, c, 18);
    }
  }
  const output = new DataView(out.buffer, out.byteOffset, 32);
  for (const [index, from] of OUTPUT_WORDS.entries()) output.setUint32(index * 4, state[from] ?? 0, true);
  state.fill(0);
}

function mix(state: Uint32Array, target: number, left: number, right: number, bits: number): void {
  const sum = ((state[left] ?? 0) + (state[right] ?? 0)) | 0;
  state[target] = (state[target] ?? 0) ^ ((sum << bits) | (sum >>> (32 - bits)));
}
