/** The part of sodium-native that this package uses; the package ships no types. */
declare module 'sodium-native' {
  interface Sodium {
    readonly crypto_sign_PUBLICKEYBYTES: 32;
    readonly crypto_sign_SECRETKEYBYTES: 64;
    sodium_malloc(size: number): Buffer;
    sodium_memzero(buffer: Uint8Array): void;
    randombytes_buf(buffer: Uint8Array): void;
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
    crypto_scalarmult(shared: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void;
    crypto_scalarmult_base(publicKey: Uint8Array, secretKey: Uint8Array): void;
    crypto_box_easy(
      out: Uint8Array,
      message: Uint8Array,
      nonce: Uint8Array,
      pk: Uint8Array,
      sk: Uint8Array,
    ): void;
    crypto_box_open_easy(
      out: Uint8Array,
      box: Uint8Array,
      nonce: Uint8Array,
      pk: Uint8Array,
      sk: Uint8Array,
    ): boolean;
    crypto_secretbox_easy(out: Uint8Array, message: Uint8Array, nonce: Uint8Array, key: Uint8Array): void;
    crypto_secretbox_open_easy(out: Uint8Array, box: Uint8Array, nonce: Uint8Array, key: Uint8Array): boolean;
  }
  const sodium: Sodium;
  // The package is CommonJS; its whole export is the default one.
  // oxlint-disable-next-line import/no-default-export
  export default sodium;
}
