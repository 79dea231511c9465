export { defaultCacheDir } from './cache.ts';
export {
  type AccountLimits,
  CALLOUT_QUEUE,
  natsServerConfig,
  type NatsServerConfigOptions,
} from './config.ts';
export { NATS_SERVER_ERRORS, NatsServerError, type NatsServerErrorCode } from './errors.ts';
export { findNatsServer, type FindOptions, type FindProgress, type FoundNatsServer } from './find.ts';
export { createKeyFile } from './key-file.ts';
export { KEY_FILE, type LaunchOptions, launchNatsServer, type NatsServer } from './launch.ts';
export {
  acquireLock,
  type Lock,
  type LockOptions,
  type LockOwner,
  readLockOwner,
  readStartTicks,
} from './lock.ts';
export {
  type LogLine,
  logLine,
  type LogSink,
  parseLogLine,
  readStartLine,
  type StartState,
} from './log-line.ts';
export { MINIMUM_VERSION, PINNED_VERSION } from './version.ts';
export { startTiedProcess } from './tied-process.ts';
export type { TiedProcess, TiedProcessOptions } from './tied-process.ts';
