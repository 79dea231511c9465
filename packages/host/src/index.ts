export type { ComponentDefaults, HostConfig } from './config.ts';
export { HOST_ERRORS, HostError } from './errors.ts';
export type { HostErrorCode } from './errors.ts';
export { startHost } from './host.ts';
export type { Host, HostDeps } from './host.ts';
export { createStateBuckets } from './state/kv-bucket.ts';
