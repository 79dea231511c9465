export type { JwtBundleSource, X509BundleSource } from './bundle/source.ts';
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { isSpiffeError, SPIFFE_ERRORS, SpiffeError } from './errors.ts';
export type { SpiffeErrorCode } from './errors.ts';
export { matchAny, matchId, matchMemberOf, matchOneOf, matchPathPrefix } from './id/matcher.ts';
export type { SpiffeIdMatcher } from './id/matcher.ts';
export { SpiffeId } from './id/spiffe-id.ts';
export { TrustDomain } from './id/trust-domain.ts';
export {
  createBundleSource,
  createJwtSource,
  createX509Source,
  DelegatedIdentityClient,
  guardTlsServer,
  JwtBundle,
  JwtBundleSet,
  marshalCertificatesPem,
  marshalPrivateKeyPem,
  marshalSpiffeBundle,
  parseSpiffeBundle,
  parseUnverifiedJwtSvid,
  parseX509Svid,
  tlsClientOptions,
  tlsServerOptions,
  verifyJwtSvid,
  verifyTlsPeer,
  verifyX509Svid,
  WorkloadApiClient,
  X509Bundle,
  X509BundleSet,
} from './pending.ts';
export type {
  BundleSource,
  BundleSourceOptions,
  DelegatedWorkload,
  IdentityState,
  JwtSource,
  JwtSvid,
  Selector,
  SpiffeBundle,
  VerifiedJwtSvid,
  VerifiedX509Svid,
  VerifyJwtSvidOptions,
  WorkloadApiClientOptions,
  X509Context,
  X509Source,
  X509SourceOptions,
  X509Svid,
  X509SvidSource,
} from './pending.ts';
export type { CallOptions, RetryOptions, Watch, WatchHandlers } from './workload-api/options.ts';
