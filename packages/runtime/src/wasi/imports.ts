import type { ImportInterface, ImportObject } from '../link/component.ts';
import * as cli from './cli.ts';
import { hostClock, monotonicClock, wallClock, type HostClock } from './clocks.ts';
import { configStore } from './config.ts';
import { filesystemTypes, preopens } from './filesystem.ts';
import { httpTypes, outgoingHandler } from './http-types.ts';
import { identityStore, type GetJwt } from './identity.ts';
import { IoError } from './io-error.ts';
import { Pollable, poll } from './io-poll.ts';
import { InputStream, OutputStream } from './io-streams.ts';
import type { WriteLog } from './log-lines.ts';
import { logging } from './logging.ts';
import { insecure, insecureSeed, random } from './random.ts';
import { sockets } from './sockets.ts';
import { WaitScope } from './wait.ts';

/** What the interfaces of one instance reach outside of it. */
export interface WasiHost {
  readonly writeLog: WriteLog;
  readonly config: () => ReadonlyMap<string, string>;
  /** Absent unless `wasmcloud:identity/store` was granted. */
  readonly getJwt?: GetJwt | undefined;
  readonly clock?: HostClock;
  /** Whether something of the guest's waits to be sent in this event-loop turn. */
  readonly hasUnsent?: () => boolean;
}

export interface WasiImports {
  readonly imports: ImportObject;
  readonly scope: WaitScope;
  /** Logs what the guest wrote without a newline. */
  endCall(): void;
}

const wasiVersion = '0.2.12';

/** Builds everything one instance may import. Nothing in it is shared with another instance but stateless classes. */
export function createWasiImports(host: WasiHost): WasiImports {
  const scope = new WaitScope(host.hasUnsent);
  const clock = host.clock ?? hostClock;
  const stdio = cli.createStdio(host.writeLog, scope);
  const store = configStore(host.config);
  const log = logging(host.writeLog);

  const wasi: Record<string, ImportInterface> = {
    'io/error': { Error: IoError },
    'io/poll': { Pollable, poll },
    'io/streams': { InputStream, OutputStream },
    'clocks/monotonic-clock': monotonicClock(scope, clock),
    'clocks/wall-clock': wallClock(clock),
    'random/random': random,
    'random/insecure': insecure,
    'random/insecure-seed': insecureSeed,
    'cli/environment': cli.environment,
    'cli/exit': cli.exit,
    'cli/stdin': stdio.stdin,
    'cli/stdout': stdio.stdout,
    'cli/stderr': stdio.stderr,
    'cli/terminal-input': cli.terminalInput,
    'cli/terminal-output': cli.terminalOutput,
    'cli/terminal-stdin': cli.terminalStdin,
    'cli/terminal-stdout': cli.terminalStdout,
    'cli/terminal-stderr': cli.terminalStderr,
    'http/types': httpTypes(scope),
    'http/outgoing-handler': outgoingHandler,
    'filesystem/types': filesystemTypes,
    'filesystem/preopens': preopens,
  };
  for (const [name, functions] of Object.entries(sockets)) wasi[`sockets/${name}`] = functions;

  const imports: Record<string, ImportInterface> = {
    'wasi:config/store@0.2.0-rc.1': store,
    'wasi:config/store@0.2.0-draft': store,
    'wasi:config/runtime@0.2.0-draft': store,
    'wasi:logging/logging@0.1.0-draft': log,
    'wasi:logging/logging': log,
  };
  for (const [name, functions] of Object.entries(wasi)) imports[`wasi:${name}@${wasiVersion}`] = functions;
  if (host.getJwt !== undefined)
    imports['wasmcloud:identity/store@0.0.1'] = identityStore(host.getJwt, scope);
  return { imports, scope, endCall: () => stdio.endCall() };
}
