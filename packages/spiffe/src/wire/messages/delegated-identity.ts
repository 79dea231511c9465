import {
  bytesField,
  bytesMap,
  int32Field,
  int64Field,
  message,
  messageField,
  repeatedBytes,
  repeatedMessages,
  repeatedStrings,
  stringField,
} from '../protobuf/codec.ts';
import type { MessageCodec } from '../protobuf/codec.ts';

/** Full name of SPIRE's Delegated Identity gRPC service. */
export const DELEGATED_IDENTITY_SERVICE = 'spire.api.agent.delegatedidentity.v1.DelegatedIdentity';

/** One fact about a workload, such as type `unix` and value `uid:1000`. */
export interface SelectorMessage {
  readonly type: string;
  readonly value: string;
}

/** SPIRE's form of a SPIFFE ID: the bare trust domain name, and the path with its leading slash. */
export interface SpiffeIdMessage {
  readonly trustDomain: string;
  readonly path: string;
}

/** An X.509-SVID without its key. */
export interface DelegatedX509Svid {
  /** One certificate in DER per element, leaf first. */
  readonly certChain: readonly Uint8Array[];
  readonly id: SpiffeIdMessage | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly hint: string;
}

/** An X.509-SVID with its key. */
export interface DelegatedX509SvidWithKey {
  readonly x509Svid: DelegatedX509Svid | undefined;
  /** Private key as unencrypted PKCS#8 DER. */
  readonly x509SvidKey: Uint8Array;
}

/** Exactly one of `selectors` (not empty) and `pid` (not 0) is given. */
export interface SubscribeToX509SvidsRequest {
  readonly selectors: readonly SelectorMessage[];
  readonly pid: number;
}

/** The answer to SubscribeToX509SVIDs: all SVIDs of the workload, and the IDs of the trust domains it federates with. */
export interface SubscribeToX509SvidsResponse {
  readonly x509Svids: readonly DelegatedX509SvidWithKey[];
  readonly federatesWith: readonly string[];
}

/** The answer to SubscribeToX509Bundles: the bundles of all trust domains that the agent knows. */
export interface SubscribeToX509BundlesResponse {
  /** Keys are trust domain IDs, values concatenated DER. */
  readonly caCertificates: ReadonlyMap<string, Uint8Array>;
}

/** Exactly one of `selectors` (not empty) and `pid` (not 0) is given. */
export interface FetchJwtSvidsRequest {
  readonly audience: readonly string[];
  readonly selectors: readonly SelectorMessage[];
  readonly pid: number;
}

/** A JWT-SVID in compact serialisation, with what it says. */
export interface DelegatedJwtSvid {
  readonly token: string;
  readonly id: SpiffeIdMessage | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly hint: string;
}

/** The answer to FetchJWTSVIDs. */
export interface FetchJwtSvidsResponse {
  readonly svids: readonly DelegatedJwtSvid[];
}

/** The answer to SubscribeToJWTBundles: the bundles of all trust domains that the agent knows. */
export interface SubscribeToJwtBundlesResponse {
  /** Keys are trust domain IDs, values JWKS documents. */
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}

const selector: MessageCodec<SelectorMessage> = message<SelectorMessage>({
  type: stringField(1),
  value: stringField(2),
});

const spiffeId: MessageCodec<SpiffeIdMessage> = message<SpiffeIdMessage>({
  trustDomain: stringField(1),
  path: stringField(2),
});

const x509Svid: MessageCodec<DelegatedX509Svid> = message<DelegatedX509Svid>({
  certChain: repeatedBytes(1),
  id: messageField(2, spiffeId),
  expiresAt: int64Field(3),
  hint: stringField(4),
});

const x509SvidWithKey: MessageCodec<DelegatedX509SvidWithKey> = message<DelegatedX509SvidWithKey>({
  x509Svid: messageField(1, x509Svid),
  x509SvidKey: bytesField(2),
});

const jwtSvid: MessageCodec<DelegatedJwtSvid> = message<DelegatedJwtSvid>({
  token: stringField(1),
  id: messageField(2, spiffeId),
  expiresAt: int64Field(3),
  issuedAt: int64Field(4),
  hint: stringField(5),
});

/** Codec of the request of SubscribeToX509SVIDs. */
export const subscribeToX509SvidsRequest: MessageCodec<SubscribeToX509SvidsRequest> =
  message<SubscribeToX509SvidsRequest>({
    selectors: repeatedMessages(1, selector),
    pid: int32Field(2),
  });

/** Codec of the answer to SubscribeToX509SVIDs. */
export const subscribeToX509SvidsResponse: MessageCodec<SubscribeToX509SvidsResponse> =
  message<SubscribeToX509SvidsResponse>({
    x509Svids: repeatedMessages(1, x509SvidWithKey),
    federatesWith: repeatedStrings(2),
  });

/** Codec of the answer to SubscribeToX509Bundles. */
export const subscribeToX509BundlesResponse: MessageCodec<SubscribeToX509BundlesResponse> =
  message<SubscribeToX509BundlesResponse>({ caCertificates: bytesMap(1) });

/** Codec of the request of FetchJWTSVIDs. */
export const fetchJwtSvidsRequest: MessageCodec<FetchJwtSvidsRequest> = message<FetchJwtSvidsRequest>({
  audience: repeatedStrings(1),
  selectors: repeatedMessages(2, selector),
  pid: int32Field(3),
});

/** Codec of the answer to FetchJWTSVIDs. */
export const fetchJwtSvidsResponse: MessageCodec<FetchJwtSvidsResponse> = message<FetchJwtSvidsResponse>({
  svids: repeatedMessages(1, jwtSvid),
});

/** Codec of the answer to SubscribeToJWTBundles. */
export const subscribeToJwtBundlesResponse: MessageCodec<SubscribeToJwtBundlesResponse> =
  message<SubscribeToJwtBundlesResponse>({
    bundles: bytesMap(1),
  });
