import type { Socket } from 'node:net';

export declare class ProtobufReader {
  constructor(bytes: Uint8Array);
}
export interface MessageCodec<T> {
  encode(message: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

export interface X509SvidMessage {
  readonly spiffeId: string;
  readonly x509Svid: Uint8Array;
  readonly x509SvidKey: Uint8Array;
  readonly bundle: Uint8Array;
  readonly hint: string;
}
export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly crl: readonly Uint8Array[];
  readonly federatedBundles: ReadonlyMap<string, Uint8Array>;
}
export interface X509BundlesResponse {
  readonly crl: readonly Uint8Array[];
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}
export interface JwtSvidRequest {
  readonly audience: readonly string[];
  readonly spiffeId: string;
}
export interface JwtSvidMessage {
  readonly spiffeId: string;
  readonly svid: string;
  readonly hint: string;
}
export interface JwtSvidResponse {
  readonly svids: readonly JwtSvidMessage[];
}
export interface JwtBundlesResponse {
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}
export interface ValidateJwtSvidRequest {
  readonly audience: string;
  readonly svid: string;
}
export interface ValidateJwtSvidResponse {
  readonly spiffeId: string;
  readonly claims: Readonly<Record<string, unknown>>;
}
export type EmptyMessage = Readonly<Record<never, never>>;
export declare const emptyMessage: MessageCodec<EmptyMessage>;
export declare const x509SvidResponse: MessageCodec<X509SvidResponse>;
export declare const x509BundlesResponse: MessageCodec<X509BundlesResponse>;
export declare const jwtSvidRequest: MessageCodec<JwtSvidRequest>;
export declare const jwtSvidResponse: MessageCodec<JwtSvidResponse>;
export declare const jwtBundlesResponse: MessageCodec<JwtBundlesResponse>;
export declare const validateJwtSvidRequest: MessageCodec<ValidateJwtSvidRequest>;
export declare const validateJwtSvidResponse: MessageCodec<ValidateJwtSvidResponse>;

export interface SelectorMessage {
  readonly type: string;
  readonly value: string;
}
export interface SpiffeIdMessage {
  readonly trustDomain: string;
  readonly path: string;
}
export interface DelegatedX509Svid {
  readonly certChain: readonly Uint8Array[];
  readonly id: SpiffeIdMessage | undefined;
  readonly expiresAt: number /* unix s */;
  readonly hint: string;
}
export interface DelegatedX509SvidWithKey {
  readonly x509Svid: DelegatedX509Svid | undefined;
  readonly x509SvidKey: Uint8Array;
}
export interface SubscribeToX509SvidsRequest {
  readonly selectors: readonly SelectorMessage[];
  readonly pid: number;
}
export interface SubscribeToX509SvidsResponse {
  readonly x509Svids: readonly DelegatedX509SvidWithKey[];
  readonly federatesWith: readonly string[];
}
export interface SubscribeToX509BundlesResponse {
  readonly caCertificates: ReadonlyMap<string, Uint8Array>;
}
export interface FetchJwtSvidsRequest {
  readonly audience: readonly string[];
  readonly selectors: readonly SelectorMessage[];
  readonly pid: number;
}
export interface DelegatedJwtSvid {
  readonly token: string;
  readonly id: SpiffeIdMessage | undefined;
  readonly expiresAt: number /* unix s */;
  readonly issuedAt: number;
  readonly hint: string;
}
export interface FetchJwtSvidsResponse {
  readonly svids: readonly DelegatedJwtSvid[];
}
export interface SubscribeToJwtBundlesResponse {
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}
export declare const subscribeToX509SvidsRequest: MessageCodec<SubscribeToX509SvidsRequest>;
export declare const subscribeToX509SvidsResponse: MessageCodec<SubscribeToX509SvidsResponse>;
export declare const subscribeToX509BundlesResponse: MessageCodec<SubscribeToX509BundlesResponse>;
export declare const fetchJwtSvidsRequest: MessageCodec<FetchJwtSvidsRequest>;
export declare const fetchJwtSvidsResponse: MessageCodec<FetchJwtSvidsResponse>;
export declare const subscribeToJwtBundlesResponse: MessageCodec<SubscribeToJwtBundlesResponse>;

/** 'SpiffeWorkloadAPI' */
export declare const WORKLOAD_API_SERVICE: string;
/** 'spire.api.agent.delegatedidentity.v1.DelegatedIdentity' */
export declare const DELEGATED_IDENTITY_SERVICE: string;
/** 'workload.spiffe.io' */
export declare const WORKLOAD_API_HEADER: string;

export declare const GRPC_STATUS: {
  readonly OK: 0;
  readonly CANCELLED: 1;
  readonly UNKNOWN: 2;
  readonly INVALID_ARGUMENT: 3;
  readonly DEADLINE_EXCEEDED: 4;
  readonly NOT_FOUND: 5;
  readonly ALREADY_EXISTS: 6;
  readonly PERMISSION_DENIED: 7;
  readonly RESOURCE_EXHAUSTED: 8;
  readonly FAILED_PRECONDITION: 9;
  readonly ABORTED: 10;
  readonly OUT_OF_RANGE: 11;
  readonly UNIMPLEMENTED: 12;
  readonly INTERNAL: 13;
  readonly UNAVAILABLE: 14;
  readonly DATA_LOSS: 15;
  readonly UNAUTHENTICATED: 16;
};
export type GrpcStatusCode = (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS];
/** Thrown by handlers to end a call with a status, and by the client for any status but OK. Is a SpiffeError with code ERR_GRPC_STATUS. */
export declare class GrpcStatusError extends Error {
  readonly code: 'ERR_GRPC_STATUS';
  readonly status: GrpcStatusCode;
  constructor(status: GrpcStatusCode, message: string, options?: { cause?: unknown });
}

export interface GrpcCall {
  /** The connection's own socket, for attestation; the same object as given to onConnection. */
  readonly socket: Socket;
  /** Aborted when the client cancels, the deadline passes, the connection ends or the server closes. */
  readonly signal: AbortSignal;
  /** '/Service/Method' */
  readonly path: string;
}
export type GrpcMethod =
  | { readonly kind: 'unary'; handle(request: Uint8Array, call: GrpcCall): Promise<Uint8Array> | Uint8Array }
  | { readonly kind: 'serverStream'; handle(request: Uint8Array, call: GrpcCall): AsyncIterable<Uint8Array> };
export interface GrpcService {
  /** Name of a header that must be there exactly once with the value `true`, else InvalidArgument. */
  readonly securityHeader?: string | undefined;
  readonly methods: Readonly<Record<string /* method name */, GrpcMethod>>;
}
export interface GrpcServerOptions {
  readonly services: Readonly<Record<string /* full service name */, GrpcService>>;
  /** Called at accept, before any byte is read (attest here; socket is a raw unix socket). Throwing destroys the connection. */
  onConnection?(socket: Socket): void;
  /** Anything a handler threw that is no GrpcStatusError; the client sees just Internal. */
  onError?(error: unknown, call: { readonly path: string }): void;
  readonly maxRequestBytes?: number | undefined;
  readonly maxConnections?: number | undefined;
}
export interface GrpcServer {
  listen(socketPath: string): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
export declare function createGrpcServer(options: GrpcServerOptions): GrpcServer;

export interface DerElement {
  readonly tag: number;
  readonly contents: Uint8Array;
  /** tag, length and contents */ readonly bytes: Uint8Array;
}
export declare function readDer(bytes: Uint8Array): DerElement;
export declare function readDerAll(bytes: Uint8Array): DerElement[];
export declare const der: {
  sequence(...children: readonly Uint8Array[]): Uint8Array;
  set(...children: readonly Uint8Array[]): Uint8Array;
  integer(value: number | bigint | Uint8Array): Uint8Array;
  oid(dotted: string): Uint8Array;
  boolean(value: boolean): Uint8Array;
  null(): Uint8Array;
  bitString(bytes: Uint8Array, unusedBits?: number): Uint8Array;
  octetString(bytes: Uint8Array): Uint8Array;
  utf8String(text: string): Uint8Array;
  printableString(text: string): Uint8Array;
  /** UTCTime to 2049, GeneralizedTime after. */
  time(at: number): Uint8Array;
  /** Constructed context tag. */
  explicit(tagNumber: number, contents: Uint8Array): Uint8Array;
  /** Primitive context tag over raw contents. */
  implicit(tagNumber: number, contents: Uint8Array): Uint8Array;
  element(tag: number, contents: Uint8Array): Uint8Array;
};
