export {
  basicConstraintsExtension,
  buildCertificate,
  distinguishedName,
  extendedKeyUsageExtension,
  extension,
  KEY_USAGE,
  keyUsageExtension,
  nameConstraintsExtension,
  subjectAltNameExtension,
} from './certificates.ts';
export type { CertificateParts } from './certificates.ts';
export { createTestClock } from './clock.ts';
export type { TestClock } from './clock.ts';
export { startFakeWorkloadApi } from './fake-workload-api.ts';
export type { FakeStream, FakeWorkloadApi } from './fake-workload-api.ts';
export { createRandom, mutateBytes, mutateDer, mutateJson } from './fuzzing.ts';
export type { Random } from './fuzzing.ts';
export { createTestCa, generateEcKeyPair } from './test-ca.ts';
export type { CaOverrides, KeyPair, LeafOverrides, TestCa, TestX509Svid } from './test-ca.ts';
export { createTestJwtAuthority, signJwt } from './test-jwt.ts';
export type { JwtOverrides, TestJwtAuthority } from './test-jwt.ts';
