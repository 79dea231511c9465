import type { LatticeEvent } from '@muster/lattice';
import { CliError } from '../../errors.ts';
import type { Session } from '../../lattice/session.ts';
import { type PreparedComponent, referenceOf } from './component.ts';

/** Id of the HTTP server that every host has built in. */
const HTTP_SERVER = 'http-server';
const SCALE_TIMEOUT_MS = 60_000;
const MAX_INSTANCES = 100;

export interface Deployment {
  readonly hostId: string;
  readonly component: PreparedComponent;
  /** `host:port` at which the component is to answer. */
  readonly httpAddress: string;
  /** Audience that the example asks a JWT-SVID for. */
  readonly audience: string;
}

/** Starts a component as any client would: config, link, scale. Resolves when the host says that it runs. Throws ERR_COMPONENT_NOT_STARTED. */
export async function deployComponent(
  session: Session,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<void> {
  const { control } = session;
  const { component, hostId } = deployment;
  const httpConfig = `${component.id}-http`;
  await control.putConfig(httpConfig, { address: deployment.httpAddress });
  await control.putConfig(component.id, { audience: deployment.audience });
  await control.putLink({
    source_id: HTTP_SERVER,
    target: component.id,
    name: 'default',
    wit_namespace: 'wasi',
    wit_package: 'http',
    interfaces: ['incoming-handler'],
    source_config: [httpConfig],
    target_config: [],
  });
  const outcome = Promise.withResolvers<LatticeEvent>();
  const watches = await Promise.all(
    ['component_scaled', 'component_scale_failed'].map((name) =>
      control.watchEvents(name, (event) => {
        if (event.data['component_id'] === component.id && event.data['host_id'] === hostId)
          outcome.resolve(event);
      }),
    ),
  );
  const late = setTimeout(
    () => outcome.reject(notStarted(component.id, 'the host did not say that it runs')),
    SCALE_TIMEOUT_MS,
  );
  const onAbort = (): void => outcome.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // The outcome may come before the answer; an unheard rejection must not end the process.
    outcome.promise.catch(() => {});
    await control.scaleComponent({
      component_ref: referenceOf(component),
      component_id: component.id,
      host_id: hostId,
      count: MAX_INSTANCES,
      config: [component.id],
      allow_update: true,
      annotations: { 'wasmcloud.dev/appspec': component.application },
    });
    const { name, data } = await outcome.promise;
    if (name === 'component_scale_failed') throw notStarted(component.id, JSON.stringify(data['error']));
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', onAbort);
    for (const watch of watches) watch.stop();
  }
}

function notStarted(id: string, reason: string): CliError {
  return new CliError('ERR_COMPONENT_NOT_STARTED', `The component "${id}" was not started: ${reason}`);
}

/** Asks a URL until it is answered with a status below 500. Throws ERR_COMPONENT_NOT_ANSWERING after `timeoutMs`. */
export async function waitForAnswer(url: string, signal: AbortSignal, timeoutMs = 30_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  let last = 'nobody listens there';
  while (Date.now() < until) {
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
      await response.arrayBuffer();
      if (response.status < 500) return;
      last = `it answered ${String(response.status)}`;
    } catch (error) {
      signal.throwIfAborted();
      last =
        error instanceof Error && error.name === 'TimeoutError'
          ? 'it did not answer within 10 s'
          : 'nobody listens there';
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  throw new CliError(
    'ERR_COMPONENT_NOT_ANSWERING',
    `The component was started, but ${url} does not answer: ${last}. Add --verbose to see why`,
  );
}
