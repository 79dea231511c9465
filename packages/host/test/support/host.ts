import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  auditProblems,
  EVENT_ATTRIBUTES,
  eventFields,
  fieldProblems,
  INVENTORY_LISTS,
  latticeBuckets,
  parseAuditRecord,
  parseEvent,
} from '@muster/lattice';
import type { LatticeEvent, LatticeEventName } from '@muster/lattice';
import type { HttpHandler, HttpServer, HttpServerConfig, HttpServerDeps } from '@muster/providers';
import { SpiffeId } from '@muster/spiffe';
import type { JwtSvid, Selector } from '@muster/spiffe';
import type { ComponentPool, ComponentPoolOptions } from '@muster/runtime';
import { HOST_AUDIT } from '../../src/audit-records.ts';
import type { Host, HostConfig } from '../../src/index.ts';
import type { HostParts } from '../../src/host-parts.ts';
import { runHost } from '../../src/run-host.ts';
import type { HostIdentity } from '../../src/session/identity.ts';
import { memoryBucket } from './bucket.ts';
import type { MemoryBucket } from './bucket.ts';
import { manualClock, settle } from './clock.ts';
import type { ManualClock } from './clock.ts';
import { recordingLogger } from './logger.ts';
import type { LogLine } from './logger.ts';
import { fakeNats } from './nats.ts';
import type { FakeConnection, FakeNats } from './nats.ts';

export interface FakePool extends ComponentPool {
  readonly options: ComponentPoolOptions;
  config: Readonly<Record<string, string>>;
  isStopped: boolean;
  inFlight: number;
}

export interface FakeHttpServer {
  readonly config: HttpServerConfig;
  readonly deps: HttpServerDeps;
  isStopped: boolean;
}

export interface HostRig extends AsyncDisposable {
  readonly host: Host;
  readonly clock: ManualClock;
  readonly nats: FakeNats;
  readonly buckets: Map<string, MemoryBucket>;
  readonly connections: FakeConnection[];
  readonly pools: FakePool[];
  readonly servers: FakeHttpServer[];
  readonly logs: LogLine[];
  /** What happened, in order: identity, connect ctl, connect rpc... */
  readonly steps: string[];
  readonly folder: string;
  /** Entries of the fake authority: selectors that must all be supplied, and the SPIFFE ID they give. */
  readonly entries: { readonly selectors: readonly string[]; readonly id: string }[];
  setIdentity(isValid: boolean): Promise<void>;
  setAuthority(state: 'up' | 'down'): void;
  /** Addresses that cannot be opened. */
  readonly taken: Set<string>;
  /** Connects fail while this is set. */
  setReachable(value: boolean): void;
  control(
    subject: string,
    body?: unknown,
  ): Promise<{ success: boolean; message: string; response?: unknown }>;
  /** Sends component.scale with the host's id and waits for the event that tells the outcome. */
  scale(body: Record<string, unknown>): Promise<LatticeEvent>;
  events(name?: string): LatticeEvent[];
  audits(): Record<string, unknown>[];
  /** Writes a component whose text says what it imports, one name per line, and answers its reference. */
  component(name: string, imports?: readonly string[]): Promise<string>;
}

/** A whole host on fakes: no socket, no worker, no thread. In the end all that it published must be as it is described. */
export async function hostRig(
  config: Partial<HostConfig> = {},
  before: (rig: Omit<HostRig, 'host' | 'scale'>) => Promise<void> | void = () => {},
  signal?: AbortSignal,
): Promise<HostRig> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-host-'));
  const clock = manualClock();
  const nats = fakeNats();
  const logger = recordingLogger();
  const buckets = new Map<string, MemoryBucket>();
  const connections: FakeConnection[] = [];
  const pools: FakePool[] = [];
  const servers: FakeHttpServer[] = [];
  const steps: string[] = [];
  const taken = new Set<string>();
  const entries: HostRig['entries'] = [];
  let isValid = true;
  let isReachable = true;
  let isAuthorityUp = true;
  const listeners = new Set<() => void>();
  const identity: HostIdentity = {
    bundles: { getX509Bundle: () => undefined },
    isValid: () => isValid,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    fetchToken: () => Promise.reject(new Error('unused')),
    close: async () => {
      steps.push('identity closed');
    },
  };

  const parts: HostParts = {
    async openIdentity() {
      steps.push('identity');
      return identity;
    },
    async connect({ name, signal, isFirst }) {
      steps.push(`connect ${name}${isFirst ? ' first' : ''}`);
      signal.throwIfAborted();
      if (!isReachable) {
        throw new Error('unreachable');
      }
      const connection = nats.connect(name);
      connections.push(connection);
      return connection;
    },
    async openBucket(connection, name) {
      if (!connection.isConnected()) {
        throw new Error('closed');
      }
      const bucket = buckets.get(name) ?? memoryBucket();
      buckets.set(name, bucket);
      return bucket;
    },
    openDelegate: () => ({
      fetchJwtSvids: async ({ selectors, audience }) => {
        if (!isAuthorityUp) {
          throw Object.assign(new Error('down'), { code: 'ERR_ENDPOINT_UNAVAILABLE' });
        }
        return issue(entries, selectors, audience, clock.now());
      },
      close: async () => {
        steps.push('delegate closed');
      },
    }),
    runtime: {
      describeImports: (bytes) =>
        new TextDecoder()
          .decode(bytes)
          .split('\n')
          .slice(1)
          .filter((name) => name !== '')
          .map((name) => ({ name, version: '0.2.0', kind: 'instance' as const })),
      startComponentPool: async (options) => {
        const pool = fakePool(options);
        pools.push(pool);
        return pool;
      },
    },
    async startHttpServer(serverConfig, deps): Promise<HttpServer> {
      if (taken.has(serverConfig.address)) {
        throw Object.assign(new Error('taken'), { code: 'ERR_HTTP_ADDRESS_IN_USE' });
      }
      const server = { config: serverConfig, deps, isStopped: false };
      servers.push(server);
      return {
        address: serverConfig.address,
        stop: async () => {
          server.isStopped = true;
        },
      };
    },
  };

  const partial: Omit<HostRig, 'host' | 'scale'> = {
    clock,
    nats,
    buckets,
    connections,
    pools,
    servers,
    logs: logger.lines,
    steps,
    folder,
    entries,
    taken,
    async setIdentity(value) {
      isValid = value;
      for (const listener of listeners) {
        listener();
      }
      await settle();
    },
    setAuthority(state) {
      isAuthorityUp = state === 'up';
    },
    setReachable(value) {
      isReachable = value;
    },
    async control(subject, body) {
      const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      const [reply = '{}'] = await nats.request(`wasmbus.ctl.v1.golden.${subject}`, text);
      return JSON.parse(reply) as { success: boolean; message: string; response?: unknown };
    },
    events: (name) =>
      nats.published
        .filter(({ subject }) => subject.startsWith('wasmbus.evt.golden.'))
        .map(({ data }) => parseEvent(data))
        .filter((event) => name === undefined || event.name === name),
    audits: () =>
      nats.published
        .filter(({ subject }) => subject === 'muster.audit.golden.host')
        .map(({ data }) => JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>),
    async component(name, imports = []) {
      const path = join(folder, `${name}.wasm`);
      await writeFile(path, [name, ...imports].join('\n'));
      return `file://${path}`;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  buckets.set(latticeBuckets('golden').lattice, memoryBucket());
  buckets.set(latticeBuckets('golden').config, memoryBucket());
  await before(partial);
  const host = await runHost(
    {
      lattice: 'golden',
      trustDomain: 'muster.internal',
      name: 'a',
      servers: ['tls://127.0.0.1:4222'],
      workloadApi: 'unix:///nowhere',
      delegatedApi: 'unix:///nowhere-else',
      allowFileFrom: [folder],
      labels: { zone: 'a' },
      ...config,
    },
    { clock, logger, ...(signal === undefined ? {} : { signal }) },
    parts,
  ).catch(async (error: unknown) => {
    await partial[Symbol.asyncDispose]();
    throw error;
  });
  const outcomes = (): LatticeEvent[] =>
    partial.events().filter(({ name }) => name === 'component_scaled' || name === 'component_scale_failed');
  return {
    ...partial,
    host,
    async scale(body) {
      const before = outcomes().length;
      const reply = await partial.control(`component.scale.${host.id}`, { host_id: host.id, ...body });
      if (!reply.success) {
        throw new Error(reply.message);
      }
      // Reading the file of a component takes as long as the disk takes.
      for (let turn = 0; turn < 1_000 && outcomes().length === before; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await settle();
      return outcomes()[before] as LatticeEvent;
    },
    async [Symbol.asyncDispose]() {
      const stopping = host.stop();
      await clock.advance(10_000);
      await stopping;
      await partial[Symbol.asyncDispose]();
      for (const { subject, data } of nats.published)
        assertDescribed(subject, new TextDecoder().decode(data));
    },
  };
}

/** Every event and audit record has the fields that the catalogues describe, and no others. */
function assertDescribed(subject: string, text: string): void {
  if (subject.startsWith('muster.audit.')) {
    assert.deepEqual(auditProblems(HOST_AUDIT, parseAuditRecord(text)), []);
    return;
  }
  const { name, data } = parseEvent(text);
  assert.equal(subject, `wasmbus.evt.golden.${name}`);
  assert.deepEqual(fieldProblems(EVENT_ATTRIBUTES, JSON.parse(text) as object), []);
  assert.deepEqual(fieldProblems(eventFields(name as LatticeEventName), data), []);
  for (const [list, fields] of name === 'host_heartbeat' ? Object.entries(INVENTORY_LISTS) : []) {
    for (const item of data[list] as readonly object[]) assert.deepEqual(fieldProblems(fields, item), []);
  }
}

function fakePool(options: ComponentPoolOptions): FakePool {
  const pool: FakePool = {
    options,
    config: options.config,
    isStopped: false,
    inFlight: 0,
    async handleHttp() {
      return { status: 200, headers: [], body: new TextEncoder().encode(options.name) };
    },
    setConfig(config) {
      pool.config = config;
    },
    stats: () => ({
      workers: 1,
      inFlight: pool.inFlight,
      queued: 0,
      calls: 0,
      failures: 0,
      restarts: 0,
      droppedLogLines: 0,
    }),
    async stop() {
      pool.isStopped = true;
    },
  };
  return pool;
}

function issue(
  entries: HostRig['entries'],
  selectors: readonly Selector[],
  audience: readonly string[],
  now: number,
): JwtSvid[] {
  const supplied = new Set(selectors.map(({ type, value }) => `${type}:${value}`));
  const matching = entries.filter((entry) => entry.selectors.every((selector) => supplied.has(selector)));
  if (matching.length === 0) {
    throw Object.assign(new Error('no identity issued'), { code: 'ERR_NO_IDENTITY' });
  }
  return matching.map(({ id }) => ({
    id: SpiffeId.parse(id),
    audience,
    expiresAt: now + 300_000,
    claims: {},
    token: `secret-token-for-${audience[0]}-${now}`,
  }));
}

/** Calls a listener's handler with a plain GET. */
export async function callHttp(server: FakeHttpServer): Promise<{ status: number; text: string }> {
  const handle: HttpHandler = server.deps.handle;
  const answer = await handle(
    { method: 'GET', scheme: 'http', authority: 'a', pathWithQuery: '/', headers: [], body: undefined },
    { signal: new AbortController().signal, requestId: 'r' },
  );
  return { status: answer.status, text: new TextDecoder().decode(answer.body as Uint8Array) };
}
