import { execFile } from 'node:child_process';

/** The oldest nats-server that may be used: earlier ones miss fixes that the auth callout depends on. */
export const MINIMUM_VERSION = '2.15.1';

/** The nats-server that is installed when none is found. */
export const PINNED_VERSION = '2.15.1';

/** Parses `nats-server: v2.15.1` or `2.15.1-beta.1` to `2.15.1` or `2.15.1-beta.1`; undefined for anything else. */
export function parseVersion(text: string): string | undefined {
  return /(?:^|[\sv])(\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[0-9A-Za-z.-]{1,64})?)\s*$/.exec(text.trim())?.[1];
}

/** Whether `version` is at least `minimum`; a pre-release counts as older than its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [left, leftPre] = splitVersion(version);
  const [right, rightPre] = splitVersion(minimum);
  for (let i = 0; i < 3; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return leftPre === undefined || leftPre === rightPre;
}

function splitVersion(version: string): [number[], string | undefined] {
  const dash = version.indexOf('-');
  const core = dash === -1 ? version : version.slice(0, dash);
  return [core.split('.').map(Number), dash === -1 ? undefined : version.slice(dash + 1)];
}

/** What running `<path> --version` gave: a version, or the reason why there is none. */
export type VersionReport = { version: string } | { problem: string };

/** Runs `<path> --version` (5 s at most). Never throws for a broken binary: the reason is in the answer. */
export function readVersion(path: string, signal?: AbortSignal): Promise<VersionReport> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 5_000, maxBuffer: 65_536, ...(signal === undefined ? {} : { signal }) };
    execFile(path, ['--version'], options, (error, stdout) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      if (error !== null) {
        resolve({ problem: describeRunError(error) });
        return;
      }
      const version = parseVersion(stdout);
      resolve(version === undefined ? { problem: 'it does not print a version' } : { version });
    });
  });
}

function describeRunError(error: Error & { code?: unknown; killed?: boolean; signal?: unknown }): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EACCES') return 'it is not an executable file';
  if (error.code === 'ENOEXEC' || error.code === 'UNKNOWN') return 'it is not a program for this machine';
  if (error.killed === true) return 'it did not answer --version within 5 seconds';
  if (typeof error.signal === 'string') return `it was ended by ${error.signal}`;
  return typeof error.code === 'number'
    ? `it ended with exit code ${String(error.code)}`
    : `it cannot be run (${String(error.code)})`;
}
