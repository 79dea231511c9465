import {
  bytesField,
  bytesMap,
  message,
  repeatedBytes,
  repeatedMessages,
  repeatedStrings,
  stringField,
} from '../protobuf/codec.ts';
import type { MessageCodec } from '../protobuf/codec.ts';
import { structCodec } from './struct.ts';

/** Full name of the Workload API's gRPC service; it has no package. */
export const WORKLOAD_API_SERVICE = 'SpiffeWorkloadAPI';

/** Name of the metadata that every Workload API call carries, with the value `true` (SPIFFE Workload Endpoint section 6). */
export const WORKLOAD_API_HEADER = 'workload.spiffe.io';

/** A request without fields: `X509SVIDRequest`, `X509BundlesRequest`, `JWTBundlesRequest`. */
export type EmptyMessage = Readonly<Record<string, never>>;

/** One SVID of the answer to FetchX509SVID (SPIFFE Workload API section 5.2.1). */
export interface X509SvidMessage {
  readonly spiffeId: string;
  /** Certificates in DER, concatenated, leaf first. */
  readonly x509Svid: Uint8Array;
  /** Private key as unencrypted PKCS#8 DER. */
  readonly x509SvidKey: Uint8Array;
  /** Authorities of the SVID's trust domain in DER, concatenated. */
  readonly bundle: Uint8Array;
  readonly hint: string;
}

/** The answer to FetchX509SVID. `crl` has one revocation list in DER each. */
export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly crl: readonly Uint8Array[];
  /** Keys are trust domain IDs, values concatenated DER. */
  readonly federatedBundles: ReadonlyMap<string, Uint8Array>;
}

/** The answer to FetchX509Bundles (SPIFFE Workload API section 5.2.2). Keys are trust domain IDs, values concatenated DER. */
export interface X509BundlesResponse {
  readonly crl: readonly Uint8Array[];
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}

/** The request of FetchJWTSVID (SPIFFE Workload API section 6.2.1). */
export interface JwtSvidRequest {
  readonly audience: readonly string[];
  /** The identity wanted; empty for all. */
  readonly spiffeId: string;
}

/** One token of the answer to FetchJWTSVID, in compact serialisation. */
export interface JwtSvidMessage {
  readonly spiffeId: string;
  readonly svid: string;
  readonly hint: string;
}

/** The answer to FetchJWTSVID. */
export interface JwtSvidResponse {
  readonly svids: readonly JwtSvidMessage[];
}

/** The answer to FetchJWTBundles (SPIFFE Workload API section 6.2.2). */
export interface JwtBundlesResponse {
  /** Keys are trust domain IDs, values JWKS documents. */
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}

/** The request of ValidateJWTSVID (SPIFFE Workload API section 6.2.3). `svid` is a token in compact serialisation. */
export interface ValidateJwtSvidRequest {
  readonly audience: string;
  readonly svid: string;
}

/** The answer to ValidateJWTSVID: whose token it is, and its claims. */
export interface ValidateJwtSvidResponse {
  readonly spiffeId: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The request of FetchWITSVID. */
export interface WitSvidRequest {
  /** The identity wanted; empty for all. */
  readonly spiffeId: string;
}

/** One WIT-SVID of the answer to FetchWITSVID, with its key. */
export interface WitSvidMessage {
  readonly spiffeId: string;
  readonly witSvid: string;
  /** Private key as JWK. */
  readonly witSvidKey: string;
  readonly hint: string;
}

/** The answer to FetchWITSVID. */
export interface WitSvidResponse {
  readonly svids: readonly WitSvidMessage[];
}

/** The answer to FetchWITBundles. */
export interface WitBundlesResponse {
  /** Keys are trust domain IDs, values JWKS documents in UTF-8. */
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}

/** Codec of the requests without fields. */
export const emptyMessage: MessageCodec<EmptyMessage> = message<EmptyMessage>({});

const x509SvidMessage: MessageCodec<X509SvidMessage> = message<X509SvidMessage>({
  spiffeId: stringField(1),
  x509Svid: bytesField(2),
  x509SvidKey: bytesField(3),
  bundle: bytesField(4),
  hint: stringField(5),
});

/** Codec of the answer to FetchX509SVID. */
export const x509SvidResponse: MessageCodec<X509SvidResponse> = message<X509SvidResponse>({
  svids: repeatedMessages(1, x509SvidMessage),
  crl: repeatedBytes(2),
  federatedBundles: bytesMap(3),
});

/** Codec of the answer to FetchX509Bundles. */
export const x509BundlesResponse: MessageCodec<X509BundlesResponse> = message<X509BundlesResponse>({
  crl: repeatedBytes(1),
  bundles: bytesMap(2),
});

/** Codec of the request of FetchJWTSVID. */
export const jwtSvidRequest: MessageCodec<JwtSvidRequest> = message<JwtSvidRequest>({
  audience: repeatedStrings(1),
  spiffeId: stringField(2),
});

const jwtSvidMessage: MessageCodec<JwtSvidMessage> = message<JwtSvidMessage>({
  spiffeId: stringField(1),
  svid: stringField(2),
  hint: stringField(3),
});

/** Codec of the answer to FetchJWTSVID. */
export const jwtSvidResponse: MessageCodec<JwtSvidResponse> = message<JwtSvidResponse>({
  svids: repeatedMessages(1, jwtSvidMessage),
});

/** Codec of the answer to FetchJWTBundles. */
export const jwtBundlesResponse: MessageCodec<JwtBundlesResponse> = message<JwtBundlesResponse>({
  bundles: bytesMap(1),
});

/** Codec of the request of FetchWITSVID. */
export const witSvidRequest: MessageCodec<WitSvidRequest> = message<WitSvidRequest>({
  spiffeId: stringField(1),
});

const witSvidMessage: MessageCodec<WitSvidMessage> = message<WitSvidMessage>({
  spiffeId: stringField(1),
  witSvid: stringField(2),
  witSvidKey: stringField(3),
  hint: stringField(4),
});

/** Codec of the answer to FetchWITSVID. */
export const witSvidResponse: MessageCodec<WitSvidResponse> = message<WitSvidResponse>({
  svids: repeatedMessages(1, witSvidMessage),
});

/** Codec of the answer to FetchWITBundles. */
export const witBundlesResponse: MessageCodec<WitBundlesResponse> = message<WitBundlesResponse>({
  // A map to strings, which lie in a message as bytes do.
  bundles: bytesMap(1),
});

/** Codec of the request of ValidateJWTSVID. */
export const validateJwtSvidRequest: MessageCodec<ValidateJwtSvidRequest> = message<ValidateJwtSvidRequest>({
  audience: stringField(1),
  svid: stringField(2),
});

interface RawValidateJwtSvidResponse {
  readonly spiffeId: string;
  readonly claims: Uint8Array;
}

const rawValidateJwtSvidResponse: MessageCodec<RawValidateJwtSvidResponse> =
  message<RawValidateJwtSvidResponse>({
    spiffeId: stringField(1),
    claims: bytesField(2),
  });

/** Codec of the answer to ValidateJWTSVID. Claims that JSON does not have are left out. */
export const validateJwtSvidResponse: MessageCodec<ValidateJwtSvidResponse> = {
  encode: ({ spiffeId, claims }) =>
    rawValidateJwtSvidResponse.encode({ spiffeId, claims: structCodec.encode(claims) }),
  decode: (bytes) => {
    const raw = rawValidateJwtSvidResponse.decode(bytes);
    return { spiffeId: raw.spiffeId, claims: structCodec.decode(raw.claims) };
  },
};
