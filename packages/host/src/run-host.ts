import { createEvent, createNkey, eventSubject, latticeBuckets } from '@muster/lattice';
import type { LatticeConnection, LatticeEventData, LatticeEventName } from '@muster/lattice';
import type { HttpLimits } from '@muster/providers';
import { fetchArtifact } from './artifact.ts';
import { createHostAudit } from './audit.ts';
import { createComponentIdentities } from './component/identities.ts';
import { createComponentManager } from './component/manager.ts';
import { startComponent } from './component/running.ts';
import { resolveHostConfig } from './config.ts';
import type { HostConfig, ResolvedHostConfig } from './config.ts';
import type { ControlContext } from './control/operation.ts';
import { HostError } from './errors.ts';
import type { HostParts } from './host-parts.ts';
import type { Host, HostDeps } from './host.ts';
import { startHeartbeat } from './heartbeat.ts';
import { HOST_VERSION, hostInventory } from './inventory.ts';
import type { HostFacts } from './inventory.ts';
import { hostLabels } from './labels.ts';
import { wantedListeners } from './links/http-links.ts';
import { createHttpListeners } from './links/http-listeners.ts';
import { createRereader } from './session/reread.ts';
import { createSession } from './session/session.ts';
import type { Connections } from './session/session.ts';
import { subscribeControl } from './session/subscribe.ts';
import { createLatticeState } from './state/lattice-state.ts';

const DRAIN_MS = 5_000;

/** `startHost` with its outside parts given. */
export async function runHost(
  given: HostConfig,
  { clock, logger, signal }: HostDeps,
  parts: HostParts,
): Promise<Host> {
  const config = resolveHostConfig(given);
  const spiffeId = config.spiffeId.toString();
  // Before anything else: without an identity there is no connection to anything.
  const identity = await parts.openIdentity(config, { clock, logger, signal });
  const facts: HostFacts = {
    id: createNkey('N').publicKey,
    friendlyName: config.name,
    lattice: config.lattice,
    labels: hostLabels(config.labels),
    startedAt: clock.now(),
    server: config.servers[0] ?? '',
  };
  const audit = createHostAudit({ lattice: config.lattice, file: config.auditFile, clock, logger });
  let isStopping = false;
  let connections: Connections | undefined;
  const isServing = (): boolean => !isStopping && identity.isValid();

  const publish = <N extends LatticeEventName>(name: N, data: LatticeEventData[N]): void => {
    send(connections?.ctl, eventSubject(config.lattice, name), createEvent(name, facts.id, data, clock));
  };
  const send = (connection: LatticeConnection | undefined, subject: string, bytes: Uint8Array): void => {
    try {
      connection?.nats.publish(subject, bytes);
    } catch (error) {
      logger.warn('message not published', { subject, error });
    }
  };

  const state = createLatticeState({
    onChange: () => {
      components.refreshConfigs();
      void listeners.reconcile();
    },
    onLost: () => reread(),
    logger,
  });
  const identities = createComponentIdentities({ config, parts, audit, clock });
  const components = createComponentManager({
    state,
    fetchArtifact: (reference) => fetchArtifact(reference, config),
    start: (plan, artifact, values) =>
      startComponent(plan, artifact, values, {
        runtime: parts.runtime,
        defaults: config.componentDefaults,
        createIdentity: identities.create,
        onLog: ({ id }, entry) =>
          logger.info('component log', {
            component: id,
            level: entry.level,
            context: entry.context,
            text: entry.message,
          }),
        clock,
      }),
    onScaled: (data) => publish('component_scaled', data),
    onScaleFailed: (data) => publish('component_scale_failed', data),
    onChange: () => void listeners.reconcile(),
    audit: audit.write,
    logger,
    drainMs: DRAIN_MS,
  });
  const listeners = createHttpListeners({
    wanted: () => wantedListeners(state.links(), (id) => components.get(id) !== undefined, state.config),
    open: (address, handle) =>
      parts.startHttpServer({ address, limits: httpLimits(config) }, { handle, isServing, logger, clock }),
    handlerOf: (id) => (request, context) => {
      const component = components.get(id);
      return component === undefined ? Promise.reject(notRunning(id)) : component.handle(request, context);
    },
    audit: audit.write,
    logger,
  });

  const context: ControlContext = {
    facts,
    state,
    components,
    publish,
    stopHost: () => void stop(),
    now: () => clock.now(),
  };
  const readState = async (ctl: LatticeConnection): Promise<void> => {
    const names = latticeBuckets(config.lattice);
    await state.attach({
      lattice: await parts.openBucket(ctl, names.lattice),
      config: await parts.openBucket(ctl, names.config),
    });
  };
  const reread = createRereader({
    connection: () => (isStopping ? undefined : connections?.ctl),
    read: readState,
    logger,
  });
  const inventory = (): LatticeEventData['host_heartbeat'] =>
    hostInventory(facts, components.list(), clock.now());
  let isAnnounced = false;
  const session = createSession({
    identity,
    connect: (name, options) => parts.connect({ name, config, identity, clock, logger, ...options }),
    async onUp(opened) {
      connections = opened;
      await readState(opened.ctl);
      await subscribeControl(opened.ctl, context, logger);
      audit.setPublisher((subject, bytes) => send(opened.ctl, subject, bytes));
      if (isAnnounced) {
        publish('host_heartbeat', inventory());
        return;
      }
      isAnnounced = true;
      publish('host_started', {
        friendly_name: facts.friendlyName,
        labels: facts.labels,
        uptime_seconds: 0,
        version: HOST_VERSION,
      });
    },
    onReconnected: reread,
    onDown: () => {
      audit.setPublisher(undefined);
      connections = undefined;
      state.detach();
    },
    retry: config.retry,
    clock,
    logger,
  });
  const stopHeartbeat = startHeartbeat(clock, config.heartbeatIntervalMs, () => {
    publish('host_heartbeat', inventory());
    void listeners.reconcile();
  });

  const stopped = Promise.withResolvers<void>();
  let stopRunning: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopRunning ??= shutDown().finally(() => stopped.resolve());
    return stopRunning;
  };
  const shutDown = async (): Promise<void> => {
    isStopping = true;
    stopHeartbeat();
    await listeners.stop();
    await components.stop();
    publish('host_stopped', { labels: facts.labels });
    await connections?.ctl.nats.flush().catch(() => {});
    await session.stop();
    await identities.close();
    await identity.close();
    audit.close();
    logger.info('host stopped', { host: facts.id });
  };

  const onAbort = (): void => void stop();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    await session.start();
  } catch (error) {
    await stop();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  logger.info('host started', { host: facts.id, spiffeId });
  return { id: facts.id, spiffeId, isServing, stopped: stopped.promise, stop };
}

/** A call may take its whole deadline without a byte moving; only a longer silence is one of the client. */
function httpLimits({ httpLimits: given, componentDefaults }: ResolvedHostConfig): Partial<HttpLimits> {
  return { idleTimeoutMs: Math.max(120_000, componentDefaults.deadlineMs + 30_000), ...given };
}

function notRunning(id: string): HostError {
  return new HostError('ERR_COMPONENT_NOT_RUNNING', `Cannot answer: component "${id}" must run on this host`);
}
