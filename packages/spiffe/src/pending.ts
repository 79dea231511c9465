import type { KeyObject } from 'node:crypto';
import type { ConnectionOptions, TLSSocket, Server, TlsOptions } from 'node:tls';

import type { JwtBundleSource, X509BundleSource } from './bundle/source.ts';
import type { Clock } from './clock.ts';
import type { SpiffeIdMatcher } from './id/matcher.ts';
import type { SpiffeId } from './id/spiffe-id.ts';
import type { TrustDomain } from './id/trust-domain.ts';
import type { CallOptions, RetryOptions, Watch, WatchHandlers } from './workload-api/options.ts';

export interface X509Svid {
  readonly id: SpiffeId;
  readonly certificates: readonly Uint8Array[];
  readonly privateKey: KeyObject;
  readonly notBeforeAt: number;
  readonly expiresAt: number;
  readonly hint?: string;
}
export declare function parseX509Svid(
  chainDer: Uint8Array,
  pkcs8: Uint8Array,
  options?: { readonly hint?: string | undefined },
): X509Svid;
export declare function marshalCertificatesPem(svid: X509Svid): string;
export declare function marshalPrivateKeyPem(svid: X509Svid): string;
export interface VerifiedX509Svid {
  readonly id: SpiffeId;
  readonly expiresAt: number;
}
export declare function verifyX509Svid(
  chain: readonly Uint8Array[],
  bundles: X509BundleSource,
  options?: { readonly now?: number | undefined },
): VerifiedX509Svid;

export interface VerifiedJwtSvid {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  readonly expiresAt: number;
  readonly issuedAt?: number;
  readonly jti?: string;
  readonly claims: Readonly<Record<string, unknown>>;
}
export interface JwtSvid extends VerifiedJwtSvid {
  readonly token: string;
  readonly hint?: string;
}
export interface VerifyJwtSvidOptions {
  readonly bundles: JwtBundleSource;
  readonly audience: string;
  readonly now?: number | undefined;
  readonly leewayMs?: number | undefined;
  readonly maxTokenLength?: number | undefined;
}
export declare function verifyJwtSvid(token: string, options: VerifyJwtSvidOptions): VerifiedJwtSvid;
export declare function parseUnverifiedJwtSvid(
  token: string,
  options?: { readonly hint?: string | undefined },
): JwtSvid;

export declare class X509Bundle implements X509BundleSource {
  readonly trustDomain: TrustDomain;
  readonly authorities: readonly Uint8Array[];
  static fromDer(trustDomain: TrustDomain, concatenated: Uint8Array): X509Bundle;
  static fromAuthorities(trustDomain: TrustDomain, authorities: readonly Uint8Array[]): X509Bundle;
  toPem(): string;
  equals(other: X509Bundle): boolean;
  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined;
}
export declare class JwtBundle implements JwtBundleSource {
  readonly trustDomain: TrustDomain;
  static fromJwks(
    trustDomain: TrustDomain,
    json: string | Uint8Array,
    options?: { readonly isUseRequired?: boolean | undefined },
  ): JwtBundle;
  findKeys(keyId: string | undefined, algorithm: string): readonly KeyObject[];
  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined;
}
export declare class X509BundleSet implements X509BundleSource {
  constructor(bundles?: Iterable<X509Bundle>);
  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined;
  [Symbol.iterator](): IterableIterator<X509Bundle>;
}
export declare class JwtBundleSet implements JwtBundleSource {
  constructor(bundles?: Iterable<JwtBundle>);
  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined;
  [Symbol.iterator](): IterableIterator<JwtBundle>;
}
export interface SpiffeBundle extends X509BundleSource, JwtBundleSource {
  readonly trustDomain: TrustDomain;
  readonly x509Bundle: X509Bundle;
  readonly jwtBundle: JwtBundle;
  readonly sequence?: bigint;
  readonly refreshHintMs?: number;
}
export declare function parseSpiffeBundle(trustDomain: TrustDomain, json: string | Uint8Array): SpiffeBundle;
export declare function marshalSpiffeBundle(bundle: {
  readonly x509Authorities: readonly Uint8Array[];
  readonly jwtAuthorities: readonly { readonly keyId: string; readonly publicKey: KeyObject }[];
  readonly sequence?: bigint | undefined;
  readonly refreshHintMs?: number | undefined;
}): string;

export interface X509Context {
  readonly svids: readonly X509Svid[];
  readonly bundles: X509BundleSet;
}
export interface WorkloadApiClientOptions {
  readonly address: string;
  readonly timeoutMs?: number;
  readonly retry?: RetryOptions;
  readonly clock?: Clock;
}
export declare class WorkloadApiClient implements AsyncDisposable {
  constructor(options: WorkloadApiClientOptions);
  fetchX509Context(options?: CallOptions): Promise<X509Context>;
  fetchX509Bundles(options?: CallOptions): Promise<X509BundleSet>;
  fetchJwtSvids(
    request: { readonly audience: readonly string[]; readonly spiffeId?: string | undefined },
    options?: CallOptions,
  ): Promise<JwtSvid[]>;
  fetchJwtBundles(options?: CallOptions): Promise<JwtBundleSet>;
  validateJwtSvid(
    request: { readonly token: string; readonly audience: string },
    options?: CallOptions,
  ): Promise<{ readonly id: SpiffeId; readonly claims: Readonly<Record<string, unknown>> }>;
  watchX509Context(
    handlers: WatchHandlers<X509Context>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Watch;
  watchX509Bundles(
    handlers: WatchHandlers<X509BundleSet>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Watch;
  watchJwtBundles(
    handlers: WatchHandlers<JwtBundleSet>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Watch;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export type IdentityState = 'valid' | 'withdrawn' | 'expired';
export interface X509Source extends X509BundleSource, AsyncDisposable {
  getX509Svid(): X509Svid;
  state(): IdentityState;
  onChange(listener: (state: IdentityState) => void): () => void;
  close(): Promise<void>;
}
export interface X509SourceOptions {
  readonly address: string;
  readonly spiffeId?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onError?: ((error: Error, retryInMs: number | undefined) => void) | undefined;
}
export declare function createX509Source(options: X509SourceOptions): Promise<X509Source>;

export interface JwtSource extends AsyncDisposable {
  fetchJwtSvid(
    request: { readonly audience: string; readonly isFresh?: boolean | undefined } & CallOptions,
  ): Promise<JwtSvid>;
  close(): Promise<void>;
}
export declare function createJwtSource(options: {
  readonly address: string;
  readonly spiffeId?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}): JwtSource;

export interface BundleSource extends X509BundleSource, JwtBundleSource, AsyncDisposable {
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}
export interface BundleSourceOptions {
  readonly address: string;
  readonly timeoutMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onError?: ((error: Error, retryInMs: number | undefined) => void) | undefined;
}
export declare function createBundleSource(options: BundleSourceOptions): Promise<BundleSource>;

export interface Selector {
  readonly type: string;
  readonly value: string;
}
export type DelegatedWorkload = { readonly selectors: readonly Selector[] } | { readonly pid: number };
export declare class DelegatedIdentityClient implements AsyncDisposable {
  constructor(options: WorkloadApiClientOptions);
  fetchJwtSvids(
    request: DelegatedWorkload & { readonly audience: readonly string[] },
    options?: CallOptions,
  ): Promise<JwtSvid[]>;
  watchX509Svids(
    workload: DelegatedWorkload,
    handlers: WatchHandlers<{
      readonly svids: readonly X509Svid[];
      readonly federatesWith: readonly string[];
    }>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Watch;
  watchX509Bundles(
    handlers: WatchHandlers<X509BundleSet>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Watch;
  watchJwtBundles(
    handlers: WatchHandlers<JwtBundleSet>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Watch;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface X509SvidSource {
  getX509Svid(): X509Svid;
}
export declare function tlsClientOptions(options: {
  readonly bundles: X509BundleSource;
  readonly trustDomain: TrustDomain;
  readonly authorize: SpiffeIdMatcher;
  readonly svid?: X509SvidSource | undefined;
}): ConnectionOptions;
export declare function tlsServerOptions(options: {
  readonly svid: X509SvidSource;
  readonly bundles?: X509BundleSource | undefined;
  readonly trustDomain?: TrustDomain | undefined;
}): TlsOptions;
export declare function verifyTlsPeer(
  socket: TLSSocket,
  options: {
    readonly bundles: X509BundleSource;
    readonly authorize: SpiffeIdMatcher;
    readonly now?: number | undefined;
  },
): VerifiedX509Svid;
export declare function guardTlsServer(
  server: Server,
  options: {
    readonly bundles: X509BundleSource;
    readonly authorize: SpiffeIdMatcher;
    readonly onRefused?: (error: Error, socket: TLSSocket) => void;
  },
): void;
