export {
  DER_TAG,
  readDer,
  readDerAll,
  readDerBitString,
  readDerBoolean,
  readDerChildren,
  readDerOid,
  readDerSmallInteger,
  readDerTime,
} from './der/reader.ts';
export type { DerElement } from './der/reader.ts';
export { der } from './der/writer.ts';
export type { DerWriter } from './der/writer.ts';
export { parseUnixAddress } from './grpc/address.ts';
export { GrpcClient } from './grpc/client.ts';
export type { GrpcCallOptions } from './grpc/call-limits.ts';
export type { GrpcClientOptions } from './grpc/client.ts';
export { createGrpcServer } from './grpc/server.ts';
export type { GrpcCall, GrpcMethod, GrpcServer, GrpcServerOptions, GrpcService } from './grpc/server.ts';
export { GRPC_STATUS, grpcStatusName, GrpcStatusError } from './grpc/status.ts';
export type { GrpcStatusCode } from './grpc/status.ts';
export { connectPlain, waitForSocket } from './grpc/target.ts';
export type { GrpcConnect, GrpcTarget } from './grpc/target.ts';
export type { AnyMessage } from './messages/any.ts';
export {
  BROKER_HEADER,
  BROKER_SERVICE,
  brokerJwtSvidRequest,
  kubernetesObjectReference,
  REFERENCE_TYPE,
  subscribeRequest,
  workloadPidReference,
} from './messages/broker.ts';
export type {
  BrokerJwtSvidRequest,
  KubernetesObjectReferenceMessage,
  SubscribeRequest,
  WorkloadPidReferenceMessage,
  WorkloadReferenceMessage,
} from './messages/broker.ts';
export {
  DELEGATED_IDENTITY_SERVICE,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
} from './messages/delegated-identity.ts';
export type {
  DelegatedJwtSvid,
  DelegatedX509Svid,
  DelegatedX509SvidWithKey,
  FetchJwtSvidsRequest,
  FetchJwtSvidsResponse,
  SelectorMessage,
  SpiffeIdMessage,
  SubscribeToJwtBundlesResponse,
  SubscribeToX509BundlesResponse,
  SubscribeToX509SvidsRequest,
  SubscribeToX509SvidsResponse,
} from './messages/delegated-identity.ts';
export { encodeErrorInfo, findErrorInfo } from './messages/error-info.ts';
export type { ErrorInfo } from './messages/error-info.ts';
export {
  emptyMessage,
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  witBundlesResponse,
  witSvidRequest,
  witSvidResponse,
  WORKLOAD_API_HEADER,
  WORKLOAD_API_SERVICE,
  x509BundlesResponse,
  x509SvidResponse,
} from './messages/workload-api.ts';
export type {
  EmptyMessage,
  JwtBundlesResponse,
  JwtSvidMessage,
  JwtSvidRequest,
  JwtSvidResponse,
  ValidateJwtSvidRequest,
  ValidateJwtSvidResponse,
  WitBundlesResponse,
  WitSvidMessage,
  WitSvidRequest,
  WitSvidResponse,
  X509BundlesResponse,
  X509SvidMessage,
  X509SvidResponse,
} from './messages/workload-api.ts';
export type { MessageCodec } from './protobuf/codec.ts';
export { ProtobufReader } from './protobuf/reader.ts';
export type { ProtobufTag } from './protobuf/reader.ts';
export { ProtobufWriter } from './protobuf/writer.ts';
export { Certificate, parseCertificate } from '../x509/certificate.ts';
export type { Extensions, KeyUsage } from '../x509/extensions.ts';
export type { GeneralName, NameConstraints } from '../x509/name-constraints.ts';
export { OID } from '../x509/oid.ts';
