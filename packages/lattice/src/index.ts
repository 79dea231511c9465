export { AuditChainChecker, verifyAuditChain } from './audit-chain.ts';
export type {
  AuditBreak,
  AuditChainCheckerOptions,
  AuditChainReport,
  AuditProblem,
  CheckedLine,
} from './audit-chain.ts';
export { parseAuditRecord } from './audit-record.ts';
export type { AuditRecord } from './audit-record.ts';
export { createAuditLog } from './audit.ts';
export type { AuditEntry, AuditLog, AuditLogOptions } from './audit.ts';
export { AUDIT_FIELDS, auditProblems } from './audit-description.ts';
export type { AuditCatalogue, AuditDescription } from './audit-description.ts';
export { sleep, systemClock } from './clock.ts';
export type { Clock, Timer } from './clock.ts';
export { connectLattice, connectWithNkey } from './connection.ts';
export type { ConnectWithNkeyOptions } from './connection.ts';
export type {
  ConnectDependencies,
  ConnectionStatus,
  ConnectLatticeOptions,
  ConnectRetryOptions,
  LatticeConnection,
} from './connection-options.ts';
export { ControlClient } from './control-client.ts';
export type { ControlClientOptions, EventWatch } from './control-client.ts';
export {
  accepted,
  encodeMessage,
  parseComponentSpec,
  parseConfig,
  parseCtlResponse,
  parseHostInventory,
  parseHostPing,
  parseLink,
  parseLinkKey,
  parseLinks,
  parseScaleComponent,
  parseStopHost,
  refused,
  UNBOUNDED_COUNT,
} from './control.ts';
export type {
  ComponentSpec,
  CtlResponse,
  HostPing,
  Link,
  LinkKey,
  ScaleComponent,
  StopHost,
} from './control.ts';
export { fieldProblems } from './described-fields.ts';
export type { DescribedField, DescribedFields, FieldDescriptions } from './described-fields.ts';
export { LATTICE_ERRORS, LatticeError } from './errors.ts';
export type { LatticeErrorCode } from './errors.ts';
export { EVENT_ATTRIBUTES, eventFields, INVENTORY_LISTS, LATTICE_EVENTS } from './event-catalogue.ts';
export type { EventDescription } from './event-catalogue.ts';
export { createEvent, eventNames, parseEvent } from './events.ts';
export type { ComponentScaled, LatticeEvent, LatticeEventData, LatticeEventName } from './events.ts';
export { formatUptime } from './inventory.ts';
export type { ComponentDescription, HostInventory, ProviderDescription } from './inventory.ts';
export { canonicalJson } from './json.ts';
export type { JsonObject, JsonValue } from './json.ts';
export { createLatticeDir, openLatticeDir, resolveLatticeDir } from './lattice-dir.ts';
export type { LatticeDir, LatticeDirOptions, LatticeInfo } from './lattice-dir.ts';
export { jsonLogger, silentLogger } from './logger.ts';
export type { JsonLoggerOptions, Logger, LogLevel } from './logger.ts';
export { decodeNatsJwt, encodeNatsJwt, parseUnverifiedNatsJwt, signNatsJwt } from './nats-jwt.ts';
export type { DecodedNatsJwt } from './nats-jwt.ts';
export { createNkey, nkeyFromSeed, parsePublicKey, verifyEd25519, verifyNkey } from './nkey.ts';
export type { Nkey, NkeyPrefix } from './nkey.ts';
export {
  assertToken,
  auditStream,
  auditSubject,
  bucketPermissions,
  bucketSubjects,
  CALLOUT_QUEUE,
  controlSubjects,
  decodeToken,
  DEFAULT_CONTROL_PREFIX,
  encodeToken,
  eventSubject,
  identityToken,
  inboxPrefix,
  JETSTREAM_INFO,
  latticeBuckets,
  parseControlSubject,
  rpcSubjects,
  streamReadPermissions,
  streamSubjects,
  systemSubjects,
} from './subjects.ts';
export type {
  BucketSubjects,
  ControlRoute,
  ControlSubjects,
  ControlSubscription,
  StreamSubjects,
} from './subjects.ts';
export { createXkey, xkeyFromSeed } from './xkey.ts';
export type { Xkey, XkeyOptions } from './xkey.ts';
