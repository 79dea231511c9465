export { JwtBundleSet, SpiffeBundleSet, X509BundleSet } from './bundle/bundle-set.ts';
export { JwtBundle } from './bundle/jwt-bundle.ts';
export type { JwtAuthority } from './bundle/jwt-bundle.ts';
export type { JwtBundleSource, X509BundleSource } from './bundle/source.ts';
export {
  marshalJwtBundle,
  marshalSpiffeBundle,
  parseSpiffeBundle,
  SpiffeBundle,
} from './bundle/spiffe-bundle.ts';
export type { SpiffeBundleContents, SpiffeBundleParts } from './bundle/spiffe-bundle.ts';
export { marshalSpiffeBundleSet, parseSpiffeBundleSet } from './bundle/spiffe-bundle-map.ts';
export { X509Bundle } from './bundle/x509-bundle.ts';
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { isSpiffeError, SPIFFE_ERRORS, SpiffeError } from './errors.ts';
export type { SpiffeErrorCode } from './errors.ts';
export type {
  BundleEndpoint,
  HttpsSpiffeProfile,
  HttpsWebProfile,
  OwnTrustDomain,
} from './federation/endpoint.ts';
export { fetchBundle } from './federation/fetch.ts';
export type { FetchBundleOptions } from './federation/fetch.ts';
export { createBundleHandler } from './federation/handler.ts';
export type { BundleHandler, BundleHandlerOptions } from './federation/handler.ts';
export { watchBundle } from './federation/watch.ts';
export type { BundleWatch, WatchBundleOptions } from './federation/watch.ts';
export { createFileSink } from './files/file-sink.ts';
export type { FileSink, FileSinkOptions } from './files/file-sink.ts';
export { createFileSource } from './files/file-source.ts';
export type { FileSourceOptions } from './files/file-source.ts';
export { createJwtFileSink } from './files/jwt-file-sink.ts';
export type { JwtFile, JwtFileSink, JwtFileSinkOptions } from './files/jwt-file-sink.ts';
export { createJwtFileSource } from './files/jwt-file-source.ts';
export type { JwtFileSource, JwtFileSourceOptions } from './files/jwt-file-source.ts';
export { CSI_DRIVER_FILES, SPIFFE_HELPER_FILES } from './files/layout.ts';
export type { SvidFileNames } from './files/layout.ts';
export {
  matchAny,
  matchEvery,
  matchId,
  matchMemberOf,
  matchNot,
  matchOneOf,
  matchPathPrefix,
  matchSome,
  matchTemplate,
} from './id/matcher.ts';
export type { SpiffeIdMatcher, SpiffeIdTemplateMatcher } from './id/matcher.ts';
export { SpiffeId } from './id/spiffe-id.ts';
export { SpiffeIdTemplate } from './id/template.ts';
export type { TemplateCaptures, TemplateConstraints, TemplateNames } from './id/template.ts';
export { TrustDomain } from './id/trust-domain.ts';
export { parseUnverifiedJwtSvid } from './svid/jwt-svid.ts';
export type { JwtSvid, VerifiedJwtSvid } from './svid/jwt-svid.ts';
export { verifyJwtSvid } from './svid/verify-jwt.ts';
export type { VerifyJwtSvidOptions } from './svid/verify-jwt.ts';
export { verifyX509Svid } from './svid/verify-x509.ts';
export type { VerifiedX509Svid } from './svid/verify-x509.ts';
export {
  loadX509Svid,
  marshalX509SvidDer,
  marshalX509SvidPem,
  parseX509SvidPem,
} from './svid/x509-svid-pem.ts';
export type { PemText } from './svid/x509-svid-pem.ts';
export { marshalCertificatesPem, marshalPrivateKeyPem, parseX509Svid } from './svid/x509-svid.ts';
export type { X509Svid } from './svid/x509-svid.ts';
export { tlsClientOptions, tlsServerOptions, tlsWebClientOptions } from './tls/options.ts';
export type { TlsClientOptions, TlsServerOptions, TlsWebClientOptions } from './tls/options.ts';
export { guardTlsServer } from './tls/guard.ts';
export type { TlsGuard, TlsGuardOptions } from './tls/guard.ts';
export { verifyTlsPeer } from './tls/peer.ts';
export type { PeerPolicy } from './tls/peer.ts';
export { requireTlsPeer, tlsPeerOf } from './tls/peer-record.ts';
export { connectTls, createHttp2Connection } from './tls/connect.ts';
export type { TlsConnectOptions } from './tls/connect.ts';
export { grpcClientTls, injectGrpcConnections } from './tls/grpc.ts';
export type { GrpcClientTls, GrpcConnectionInjector, InjectGrpcOptions } from './tls/grpc.ts';
export { createHttpsAgent } from './tls/https-agent.ts';
export type { SpiffeAgent } from './tls/https-agent.ts';
export { createUndiciConnector } from './tls/undici-connector.ts';
export type { UndiciConnector, UndiciConnectTarget } from './tls/undici-connector.ts';
export { rotateTlsServer } from './tls/server-identity.ts';
export type {
  RotationOptions,
  TlsServerIdentity,
  TlsServerRotation,
  WebCertificate,
} from './tls/server-identity.ts';
export { createBundleSource } from './workload-api/bundle-source.ts';
export type { BundleKind, BundleSource, BundleSourceOptions } from './workload-api/bundle-source.ts';
export { WorkloadApiClient } from './workload-api/client.ts';
export type {
  StreamClientSettings,
  ValidatedJwtSvid,
  WorkloadApiClientOptions,
} from './workload-api/client.ts';
export type { ClientOptions } from './workload-api/client-options.ts';
export { DelegatedIdentityClient } from './workload-api/delegated-identity-client.ts';
export type {
  DelegatedIdentityClientOptions,
  DelegatedWorkload,
  DelegatedX509Svids,
  Selector,
} from './workload-api/delegated-identity-client.ts';
export { createJwtSource } from './workload-api/jwt-source.ts';
export type { JwtRequest, JwtSource, JwtSourceOptions } from './workload-api/jwt-source.ts';
export type { ResponseLimits } from './workload-api/limits.ts';
export type {
  CallOptions,
  RetryOptions,
  Watch,
  WatchHandlers,
  WatchOptions,
} from './workload-api/options.ts';
export type { X509Context } from './workload-api/responses.ts';
export type {
  ChangeOptions,
  ErrorReporter,
  FirstStateOptions,
  UpdatingSource,
} from './workload-api/source-base.ts';
export type { SvidChoice } from './workload-api/svid-picker.ts';
export { createX509Source } from './workload-api/x509-source.ts';
export type {
  IdentityState,
  X509Identity,
  X509Source,
  X509SourceOptions,
  X509SvidSource,
} from './workload-api/x509-source.ts';
