import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from '@muster/authority';
import { systemClock } from '@muster/lattice';
import { describeError } from '../../describe-error.ts';
import type { Io } from '../../io.ts';
import { createAuditStream } from '../../lattice/audit-records.ts';
import { listConnections } from '../../lattice/connections.ts';
import { openSession, type Session } from '../../lattice/session.ts';
import type { Progress } from '../../terminal/progress.ts';
import { startDevAuthority } from './authority.ts';
import { claimLattice } from './claim.ts';
import { type PreparedComponent, prepareComponent } from './component.ts';
import { deployComponent, waitForAnswer } from './deploy.ts';
import { Expiries } from './expiries.ts';
import { devEntries, type DevIdentities, devIdentities, hostName } from './identities.ts';
import { createDevKeys } from './keys.ts';
import type { DevOptions } from './options.ts';
import type { PartLine } from './part-line.ts';
import { Parts } from './parts.ts';
import { calloutPlan, hostPlan, NATS_FOLDER, natsPlan, type PlanContext, serverAddress } from './plans.ts';
import { claimPort } from './ports.ts';
import { ServerRenewal } from './server-renewal.ts';
import { partRows, type PartRow } from './summary.ts';

/** A running development lattice. */
export interface Dev {
  /** The lattice directory. */
  readonly directory: string;
  readonly natsServer: string;
  /** Undefined without a component. */
  readonly httpUrl: string | undefined;
  readonly identities: DevIdentities;
  /** The one that runs (if any), then the further ones. */
  readonly components: readonly PreparedComponent[];
  /** Undefined when another provider gives the identities. */
  readonly authority: Authority | undefined;
  /** The id of each host's present process, in the order of their numbers. */
  hostIds(): readonly string[];
  /** The process id of a part (`nats`, `callout`, `host-1`); undefined while it is being started again. */
  pidOf(part: string): number | undefined;
  /** How often a part was started again. */
  restartsOf(part: string): number;
  /** A new connection of the operator; the caller disposes of it. */
  openSession(): Promise<Session>;
  listParts(): Promise<readonly PartRow[]>;
  /** Ends every part and removes every file. May be called twice. */
  stop(): Promise<void>;
}

export interface DevDependencies {
  readonly io: Io;
  readonly progress: Progress;
  /** Hears each log line of each part. */
  readonly onLine?: (line: PartLine) => void;
}

/**
 * Starts a whole lattice on this machine: the authority in this process, nats-server, callout and hosts as children, and
 * a component by messages as any client sends them. On any failure, also an abort, everything is taken down again.
 */
export async function startDev(options: DevOptions, dependencies: DevDependencies): Promise<Dev> {
  const { io, progress } = dependencies;
  await using stack = new AsyncDisposableStack();
  try {
    return await start(options, dependencies, stack);
  } catch (error) {
    progress.fail();
    // A child that could not start because we are stopping is not the reason.
    io.signal.throwIfAborted();
    throw error;
  }
}

async function start(
  options: DevOptions,
  dependencies: DevDependencies,
  stack: AsyncDisposableStack,
): Promise<Dev> {
  const { io, progress, onLine = () => {} } = dependencies;
  const { signal } = io;
  const claim = await claimLattice(options.lattice, io.env);
  stack.defer(() => claim.release());
  const { directory } = claim;
  const httpPort = await claimPort(options.httpPort, 'HTTP', '--http-port');
  const natsPort = await claimPort(options.natsPort, 'NATS', '--nats-port');
  const program = await findServer(io, progress);
  const component =
    options.component === 'none' ? undefined : await findComponent(options.component, io, progress);
  const components = component === undefined ? [] : [component];
  for (const extra of options.extraComponents ?? [])
    components.push(await findComponent(extra, io, progress));
  const identities = devIdentities(options, components);
  const entries =
    options.workloadApi === undefined
      ? devEntries(options, identities, components, process.getuid?.() ?? 0)
      : [];

  const expiries = new Expiries();
  const authority = await startDevAuthority(
    { options, directory, identities, entries, expiries, progress, onLine },
    stack,
  );
  const parts = new Parts({ authority, io, progress, onLine });
  const keys = createDevKeys();
  stack.defer(() => keys.wipe());
  const context: PlanContext = {
    options,
    directory,
    workloadApi: options.workloadApi ?? `unix://${directory.workloadApiSocket}`,
    delegatedApi:
      options.workloadApi === undefined ? `unix://${directory.delegatedSocket}` : options.delegatedApi,
    natsPort,
    env: io.env,
  };
  const natsServer = serverAddress(context);
  const session = (attempts?: number): Promise<Session> =>
    openSession({
      lattice: options.lattice,
      trustDomain: options.trustDomain,
      servers: [natsServer],
      workloadApi: context.workloadApi,
      audience: identities.callout,
      operator: options.operator,
      signal,
      ...(attempts === undefined ? {} : { attempts }),
    });

  const { parseLogLine } = await import('@muster/nats-server');
  progress.begin('nats-server');
  stack.defer(() => parts.stop('nats'));
  const renewal = new ServerRenewal({
    clock: systemClock,
    readExpiresAt: () => readServerExpiry(directory.path),
    restart: () => {
      progress.note('nats-server is started again before its X.509-SVID ends; clients connect anew');
      parts.restart('nats');
    },
  });
  stack.defer(() => renewal.stop());
  await parts.start(natsPlan(context, keys, program, parseLogLine), () => renewal.plan());
  renewal.plan();
  progress.done(natsServer);

  progress.begin('callout');
  stack.defer(() => parts.stop('callout'));
  await parts.start(calloutPlan(context, keys));
  const { createStateBuckets } = await import('@muster/host');
  await withSession(session(10), async ({ connection }) => {
    // Hosts may not create streams.
    await createAuditStream(connection.nats, options.lattice);
    await createStateBuckets(connection.nats, options.lattice);
  });
  const httpUrl = component === undefined ? undefined : `http://127.0.0.1:${String(httpPort)}/`;
  directory.writeInfo({
    lattice: options.lattice,
    trustDomain: options.trustDomain,
    pid: process.pid,
    startedAt: systemClock.now(),
    natsServers: [natsServer],
    workloadApi: context.workloadApi,
    audience: identities.callout,
    ...(httpUrl === undefined ? {} : { httpUrl }),
  });
  progress.done('answers for every client of nats-server');

  const deploy = async (hostId: string): Promise<void> => {
    if (component === undefined) return;
    const audience = `spiffe://${options.trustDomain}/example`;
    const deployment = { hostId, component, httpAddress: `127.0.0.1:${String(httpPort)}`, audience };
    await withSession(session(), (open) => deployComponent(open, deployment, signal));
  };
  const hostIds: string[] = [];
  for (let index = 0; index < options.hosts; index += 1) {
    const name = hostName(index);
    progress.begin(name);
    stack.defer(() => parts.stop(name));
    const remember = (ready: Readonly<Record<string, unknown>>): string =>
      (hostIds[index] = String(ready['hostId']));
    const ready = await parts.start(hostPlan(context, index, components), (again) => {
      const hostId = remember(again);
      // A new host has no components; what ran on the old one is asked for again.
      if (index === 0) deploy(hostId).catch((error: unknown) => progress.note(describeError(error).line));
    });
    progress.done(remember(ready));
  }
  if (component !== undefined && httpUrl !== undefined) {
    progress.begin(component.id);
    progress.detail('starting it');
    await deploy(hostIds[0] ?? '');
    await waitForAnswer(httpUrl, signal);
    progress.done(`answers ${httpUrl}`);
  }

  const teardown = stack.move();
  let stopped: Promise<void> | undefined;
  return {
    directory: directory.path,
    natsServer,
    httpUrl,
    identities,
    components,
    authority,
    hostIds: () => [...hostIds],
    pidOf: (part) => parts.pidOf(part),
    restartsOf: (part) => parts.restartsOf(part),
    openSession: () => session(),
    listParts: async () => {
      const connections = await withSession(session(), ({ connection }) =>
        listConnections(connection.nats, options.lattice, io.env),
      );
      const health = authority?.health();
      return partRows({
        identities,
        entries,
        connections,
        running: component === undefined ? [] : [component.id],
        authority: health,
        expiresAt: (spiffeId) => expiries.expiresAt(spiffeId),
      });
    },
    stop: () => (stopped ??= teardown.disposeAsync()),
  };
}

async function withSession<T>(opening: Promise<Session>, use: (session: Session) => Promise<T>): Promise<T> {
  await using session = await opening;
  return await use(session);
}

/** End of the X.509-SVID that `nats run` wrote for the server it became. */
function readServerExpiry(directory: string): number | undefined {
  try {
    return new X509Certificate(
      readFileSync(join(directory, NATS_FOLDER, 'server.pem')),
    ).validToDate.getTime();
  } catch {
    return undefined;
  }
}

async function findServer(io: Io, progress: Progress): Promise<string> {
  const { findNatsServer } = await import('@muster/nats-server');
  progress.begin('nats-server program');
  const found = await findNatsServer({
    env: io.env,
    signal: io.signal,
    onProgress: ({ step, detail }) => {
      if (step === 'replacing')
        progress.note(`The cached nats-server is damaged and is replaced (${detail}).`);
      else if (step === 'skipping') progress.note(`A nats-server is passed over (${detail}).`);
      else progress.detail(`${step} ${detail}`);
    },
  });
  const where = { variable: 'MUSTER_NATS_SERVER', path: 'PATH', cache: 'cache', installed: 'installed' }[
    found.source
  ];
  progress.done(`${found.version}, from ${where}`.replace('from installed', 'installed'));
  return found.path;
}

async function findComponent(spec: string, io: Io, progress: Progress): Promise<PreparedComponent> {
  progress.begin('component');
  const component = await prepareComponent(spec, io, progress);
  const where = { file: 'as it is', cache: 'from cache', built: 'built' }[component.source];
  progress.done(`${component.id}, ${where}, ${component.digest.slice(0, 19)}`);
  return component;
}
