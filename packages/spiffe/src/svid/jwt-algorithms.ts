/** How one JWS algorithm is verified. */
export interface JwtAlgorithm {
  readonly name: string;
  readonly keyType: 'rsa' | 'ec';
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** For ECDSA: the curve, as node:crypto names it, and the bytes of r and of s. */
  readonly curve?: string;
  readonly integerBytes?: number;
  readonly isPss?: boolean;
}

/** The algorithms that JWT-SVID (section 2.1) allows. Nothing else is looked up, so `none` and HMAC do not exist here. */
export const JWT_ALGORITHMS: ReadonlyMap<string, JwtAlgorithm> = new Map(
  (
    [
      { name: 'RS256', keyType: 'rsa', hash: 'sha256' },
      { name: 'RS384', keyType: 'rsa', hash: 'sha384' },
      { name: 'RS512', keyType: 'rsa', hash: 'sha512' },
      { name: 'PS256', keyType: 'rsa', hash: 'sha256', isPss: true },
      { name: 'PS384', keyType: 'rsa', hash: 'sha384', isPss: true },
      { name: 'PS512', keyType: 'rsa', hash: 'sha512', isPss: true },
      { name: 'ES256', keyType: 'ec', hash: 'sha256', curve: 'prime256v1', integerBytes: 32 },
      { name: 'ES384', keyType: 'ec', hash: 'sha384', curve: 'secp384r1', integerBytes: 48 },
      { name: 'ES512', keyType: 'ec', hash: 'sha512', curve: 'secp521r1', integerBytes: 66 },
    ] as const satisfies readonly JwtAlgorithm[]
  ).map((algorithm) => [algorithm.name, algorithm]),
);
