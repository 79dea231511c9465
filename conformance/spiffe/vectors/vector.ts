// What a vector is: a public thing (certificates, a token, a document, an ID) and what each reader must make of it.
import type { SpiffeErrorCode } from '@muster/spiffe';

/** What an oracle does. */
export type Judgement = 'accepted' | 'refused';

interface Expected {
  /** Names the defect; a name that begins with "valid" has none. Is the name of the file, too. */
  readonly name: string;
  /** The rule that is broken or just kept: a section, and the number in public suites where there is one. */
  readonly rule: string;
  readonly ours: 'accepted' | SpiffeErrorCode;
  /** Of oracles that judge otherwise than we do. A row in oracles/disagreements.json says which section decides. */
  readonly goSpiffe?: Judgement;
  readonly openssl?: Judgement;
  /** With -x509_strict, which holds certificates to the rules for issuers as well. */
  readonly opensslStrict?: Judgement;
  readonly jose?: Judgement;
}

export interface X509Vector extends Expected {
  readonly kind: 'x509';
  /** Whose bundle it is, and its file below x509/. */
  readonly trustDomain: string;
  readonly bundle: string;
}

export interface JwtVector extends Expected {
  readonly kind: 'jwt';
  readonly trustDomain: string;
  readonly bundle: string;
  readonly audience: string;
}

export interface BundleVector extends Expected {
  readonly kind: 'bundle';
  readonly trustDomain: string;
  /** Of an accepted document: how many authorities of each kind are taken. */
  readonly x509Authorities?: number;
  readonly jwtAuthorities?: number;
}

export interface IdVector extends Expected {
  readonly kind: 'id';
  readonly text: string;
}

export type Vector = X509Vector | JwtVector | BundleVector | IdVector;

/** A vector with the contents of its file, if it has one. */
export interface MadeVector<V extends Vector = Vector> {
  readonly vector: V;
  readonly contents?: string | Buffer;
}

/** Vectors and the files they share. */
export interface MadeVectors {
  readonly vectors: readonly MadeVector[];
  readonly shared: ReadonlyMap<string, string>;
}

/** The time that vectors are judged at. Tokens are also judged now, since go-spiffe takes no time for them. */
export const NOW: number = Date.UTC(2030, 5, 1);
export const LONG_AGO: number = Date.UTC(2020, 0, 1);
export const JUST_PAST: number = Date.UTC(2024, 0, 1);
export const FAR_AHEAD: number = Date.UTC(2097, 0, 1);
export const LAST: number = Date.UTC(2098, 0, 1);
export const TRUST_DOMAIN = 'example.org';
export const ID = 'spiffe://example.org/workload';
export const AUDIENCE = 'spiffe://example.org/audience';

export const seconds = (at: number): number => at / 1000;
export const base64url = (text: string): string => Buffer.from(text, 'utf8').toString('base64url');
export const goodClaims: Readonly<Record<string, unknown>> = {
  sub: ID,
  aud: [AUDIENCE],
  exp: seconds(LAST),
  iat: seconds(JUST_PAST),
};

/** Where the file of a vector lies below vectors/; IDs have none. */
export function pathOf(vector: Vector): string | undefined {
  const ending = { x509: 'x509/*.pem', jwt: 'jwt/*.jwt', bundle: 'bundle/*.json', id: undefined }[
    vector.kind
  ];
  return ending?.replace('*', vector.name);
}

export function toPem(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((bytes) => {
      const lines = Buffer.from(bytes)
        .toString('base64')
        .replaceAll(/.{64}(?=.)/g, '$&\n');
      return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}

/** Does not share code with the reader that is tested. */
export function fromPem(text: string): Buffer[] {
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)].map(([, body]) =>
    Buffer.from(body ?? '', 'base64'),
  );
}
