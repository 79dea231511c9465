import { parentPort, workerData } from 'node:worker_threads';
import { ComponentError } from '../errors.ts';
import { compileComponent, describeImports } from '../link/compile.ts';
import type { CompiledComponent } from '../link/component.ts';
import { checkSignatures, type Signatures } from '../link/signatures.ts';
import { wasiSignatures } from '../wasi/signatures.ts';
import { Outbox } from './channel.ts';
import { checkGrants, checkHttpExport } from './grants.ts';
import { failureOf } from './guest.ts';
import { LogLimit } from './log-limit.ts';
import { Progress } from './progress.ts';
import { toMain, type ToMain, type ToWorker, type WorkerStart } from './protocol.ts';
import { CallServer } from './serve.ts';

const identityInterface = 'wasmcloud:identity/store';

/** `wasi:logging` is also imported without its version. */
const signatures: Signatures = {
  ...wasiSignatures,
  'wasi:logging/logging#log': wasiSignatures['wasi:logging/logging@0.1.0-draft#log'] ?? '',
};

/** Refuses before anything is compiled; the check of every import comes before any guest code. */
function compile(start: WorkerStart): CompiledComponent {
  const granted = new Set(start.interfaces);
  checkGrants(describeImports(start.bytes, start.limits), granted);
  const compiled = compileComponent(
    start.bytes,
    start.limits,
    start.modules === undefined ? undefined : { modules: start.modules },
  );
  checkHttpExport(compiled.exports);
  // A guest declares the types of its imports itself; a host function must not meet values of any other shape.
  checkSignatures(compiled, signatures);
  return compiled;
}

function serve(start: WorkerStart, port: NonNullable<typeof parentPort>): void {
  const outbox = new Outbox<ToMain>(port);
  const logs = new LogLimit(
    start.limits.logLines,
    (level, context, message) => outbox.send([toMain.log, level, context, message]),
    (lines) => outbox.send([toMain.dropped, lines]),
    () => performance.now(),
  );
  let server: CallServer | undefined;
  try {
    const compiled = compile(start);
    const packageName = identityInterface.slice(0, identityInterface.indexOf('/'));
    server = new CallServer({
      compiled,
      limits: start.limits,
      isFresh: start.isFresh,
      hasIdentity: start.interfaces.includes(identityInterface) || start.interfaces.includes(packageName),
      config: new Map(start.config),
      progress: new Progress(start.limits.instances, start.progress),
      outbox,
      writeLog: (level, context, message) => logs.write(level, context, message),
    });
    server.warmUp();
    outbox.send([toMain.started, compiled.modules]);
  } catch (error) {
    const { code, message } = failureOf(error, undefined, start.limits);
    const isOurs = error instanceof ComponentError || code === 'ERR_COMPONENT_OUT_OF_MEMORY';
    outbox.send([toMain.startFailed, isOurs ? code : 'ERR_COMPONENT_WORKER', message]);
    return;
  }
  const running = server;
  port.on('message', (messages: readonly ToWorker[]) => running.receive(messages));
}

if (parentPort !== null) serve(workerData as WorkerStart, parentPort);
