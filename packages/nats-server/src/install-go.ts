import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NatsServerError } from './errors.ts';
import { startTiedProcess } from './tied-process.ts';

/** The module that is installed; the version stands in version.ts. */
export const GO_MODULE = 'github.com/nats-io/nats-server/v2';

export interface GoInstallOptions {
  /** The `go` program. */
  go: string;
  version: string;
  /** An empty folder that gets the binary. */
  binDir: string;
  env: NodeJS.ProcessEnv;
  /** Told each line that `go` prints. */
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

/** Runs `go install` of nats-server at one version. Returns the binary's path; throws ERR_NATS_SERVER_INSTALL with go's last lines. */
export async function goInstall(options: GoInstallOptions): Promise<string> {
  const target = `${GO_MODULE}@v${options.version}`;
  const lines: string[] = [];
  const child = startTiedProcess(options.go, ['install', '-trimpath', target], {
    cwd: options.binDir,
    env: goEnvironment(options.env, options.binDir),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 5) lines.shift();
      options.onLine?.(line);
    });
  }
  const outcome = await child.failure;
  options.signal?.throwIfAborted();
  if (outcome === undefined) return join(options.binDir, 'nats-server');
  const detail = lines.length === 0 ? outcome : lines.join('; ');
  throw new NatsServerError(
    'ERR_NATS_SERVER_INSTALL',
    `Cannot install nats-server with "go install ${target}": ${detail}. ` +
      `Put a nats-server >= ${options.version} on PATH, or name one in MUSTER_NATS_SERVER`,
  );
}

/** The user's own environment, less what would put the binary elsewhere or build it for another machine. */
export function goEnvironment(env: NodeJS.ProcessEnv, binDir: string): NodeJS.ProcessEnv {
  const { GOOS: _os, GOARCH: _arch, GOWORK: _work, GO111MODULE: _modules, ...rest } = env;
  const flags = (env['GOFLAGS'] ?? '').split(/\s+/).filter((flag) => flag !== '' && !flag.startsWith('-mod'));
  return {
    ...rest,
    GOBIN: binDir,
    GOFLAGS: [...flags, '-mod=mod'].join(' '),
    GOWORK: 'off',
    CGO_ENABLED: '0',
  };
}
