import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAuthority } from '@muster/authority';
import type { Authority, AuthorityConfig, RegistrationEntry } from '@muster/authority';
import { defaultRules, startCallout } from '@muster/callout';
import type { Callout } from '@muster/callout';
import { createStateBuckets, startHost } from '@muster/host';
import type { Host, HostConfig } from '@muster/host';
import {
  connectLattice,
  ControlClient,
  createNkey,
  createXkey,
  inboxPrefix,
  systemClock,
} from '@muster/lattice';
import type { LatticeConnection, LatticeEvent, Logger } from '@muster/lattice';
import { findNatsServer, KEY_FILE, launchNatsServer, natsServerConfig } from '@muster/nats-server';
import type { NatsServer } from '@muster/nats-server';
import {
  createJwtSource,
  createX509Source,
  marshalCertificatesPem,
  marshalPrivateKeyPem,
  TrustDomain,
} from '@muster/spiffe';
import type { JwtSource, X509Source } from '@muster/spiffe';
import { build } from '../../examples/hello-wat/build.ts';

const TRUST_DOMAIN = 'muster.internal';
const ROOT = `spiffe://${TRUST_DOMAIN}`;
export const HOST_ID = `${ROOT}/lattice/default/host/a`;
const OPERATOR_ID = `${ROOT}/operator/test`;

export interface LogLine {
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A whole lattice in one process, but for nats-server and the components' workers; every service is the real one. */
export class Fixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-host-'));
  readonly artifacts = join(this.folder, 'artifacts');
  readonly logs: LogLine[] = [];
  readonly events: LatticeEvent[] = [];
  readonly #issuer = createNkey('A');
  readonly #xkey = createXkey();
  readonly #user = createNkey('U');
  #certFile = join(this.folder, 'server.pem');
  #keyPem = '';
  #port = 0;
  authority!: Authority;
  server!: NatsServer;
  callout!: Callout;
  host!: Host;
  control!: ControlClient;
  #operator!: LatticeConnection;
  #sources: (X509Source | JwtSource)[] = [];

  static async start(
    options: { authority?: Partial<AuthorityConfig>; host?: Partial<HostConfig> } = {},
  ): Promise<Fixture> {
    const fixture = new Fixture();
    try {
      await fixture.#start(options);
    } catch (error) {
      await fixture.stop();
      throw error;
    }
    return fixture;
  }

  get logger(): Logger {
    const write = (message: string, fields: Record<string, unknown> = {}): void => {
      this.logs.push({ message, fields });
    };
    return { debug: write, info: write, warn: write, error: write };
  }

  get workloadApi(): string {
    return `unix://${join(this.folder, 'workload-api', 'api.sock')}`;
  }

  get url(): string {
    return `tls://127.0.0.1:${this.#port}`;
  }

  /** Copies bytes into the folder the host may load from and answers the reference. */
  artifact(name: string, bytes: Uint8Array): string {
    const path = join(this.artifacts, name);
    writeFileSync(path, bytes);
    return `file://${path}`;
  }

  async helloWat(): Promise<Uint8Array> {
    return readFileSync(await build(join(this.folder, 'built')));
  }

  /** The entry an operator writes for one component. */
  componentEntry(id: string, app: string, bytes: Uint8Array): RegistrationEntry {
    const digest = createHash('sha256').update(bytes).digest('hex');
    return {
      spiffe_id: `${ROOT}/lattice/default/app/${app}/component/${id}`,
      parent_id: HOST_ID,
      selectors: [
        { type: 'wasm', value: `component-digest:sha256:${digest}` },
        { type: 'wasm', value: `component-id:${id}` },
        { type: 'wasm', value: `app:${app}` },
        { type: 'wasm', value: 'lattice:default' },
        { type: 'wasm', value: `host-id:${HOST_ID}` },
      ],
    };
  }

  async startServer(): Promise<void> {
    const { path } = await findNatsServer();
    this.server = await launchNatsServer({
      path,
      config: natsServerConfig({
        serverName: 'test',
        lattice: 'default',
        port: this.#port,
        storeDir: join(this.folder, 'jetstream'),
        tls: { certFile: this.#certFile, keyFile: KEY_FILE },
        callout: { issuer: this.#issuer.publicKey, xkey: this.#xkey.publicKey, user: this.#user.publicKey },
      }),
      directory: join(this.folder, 'nats'),
      keyPem: this.#keyPem,
    });
    this.#port = this.server.port;
  }

  async killServer(): Promise<void> {
    process.kill(this.server.pid, 'SIGKILL');
    await this.server.exited;
  }

  async startCallout(): Promise<void> {
    this.callout = await startCallout(
      {
        servers: [this.url],
        trustDomain: TRUST_DOMAIN,
        lattice: 'default',
        rules: defaultRules({ trustDomain: TRUST_DOMAIN, lattice: 'default' }),
        workloadApi: this.workloadApi,
        keys: { issuerSeed: this.#issuer.seed(), xkeySeed: this.#xkey.seed(), userSeed: this.#user.seed() },
      },
      { clock: systemClock, logger: this.logger },
    );
  }

  startHost(change: Partial<HostConfig> = {}): Promise<Host> {
    return startHost(
      {
        lattice: 'default',
        trustDomain: TRUST_DOMAIN,
        name: 'a',
        servers: [this.url],
        workloadApi: this.workloadApi,
        delegatedApi: `unix://${join(this.folder, 'delegated', 'api.sock')}`,
        allowFileFrom: [this.artifacts],
        heartbeatIntervalMs: 1_000,
        retry: { initialDelayMs: 50, maxDelayMs: 500 },
        auditFile: join(this.folder, 'host-audit.jsonl'),
        ...change,
      },
      { clock: systemClock, logger: this.logger },
    );
  }

  /** Sends a scale command and waits for the event that tells its outcome. */
  async scale(
    id: string,
    reference: string,
    change: { count?: number; app?: string } = {},
  ): Promise<LatticeEvent> {
    const before = this.events.length;
    await this.control.scaleComponent({
      component_id: id,
      component_ref: reference,
      host_id: this.host.id,
      count: change.count ?? 4,
      config: [],
      allow_update: false,
      annotations: change.app === undefined ? {} : { 'wasmcloud.dev/appspec': change.app },
    });
    const isOutcome = ({ name, data }: LatticeEvent): boolean =>
      name.startsWith('component_scale') && data['component_id'] === id;
    await eventually(`outcome of scaling ${id}`, () => this.events.slice(before).some(isOutcome), 30_000);
    return this.events.slice(before).find(isOutcome) as LatticeEvent;
  }

  async stop(): Promise<void> {
    await this.host?.stop();
    await this.#operator?.close();
    await this.callout?.stop();
    await Promise.all(this.#sources.map((source) => source.close()));
    await this.server?.stop();
    await this.authority?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(options: { authority?: Partial<AuthorityConfig>; host?: Partial<HostConfig> }): Promise<void> {
    for (const name of ['workload-api', 'delegated', 'artifacts']) {
      mkdirSync(join(this.folder, name), { mode: 0o700 });
    }
    const own = (path: string, more: Partial<RegistrationEntry> = {}): RegistrationEntry => ({
      spiffe_id: ROOT + path,
      parent_id: `${ROOT}/authority`,
      selectors: [{ type: 'muster', value: 'self' }],
      ...more,
    });
    this.authority = await startAuthority(
      {
        trustDomain: TRUST_DOMAIN,
        workloadApiSocket: join(this.folder, 'workload-api', 'api.sock'),
        delegatedSocket: join(this.folder, 'delegated', 'api.sock'),
        entries: [
          own('/nats/test', { x509_svid_ttl: 86_400 }),
          own('/callout', { x509_svid_ttl: 3_600 }),
          own('/lattice/default/host/a'),
          own('/lattice/default/host/b'),
          own('/operator/test', { x509_svid_ttl: 3_600 }),
        ],
        authorizedDelegates: [HOST_ID],
        caTtlMs: 7 * 86_400_000,
        ...options.authority,
      },
      { clock: systemClock, logger: this.logger },
    );
    const serverSource = await createX509Source({ address: this.workloadApi, spiffeId: `${ROOT}/nats/test` });
    const svid = serverSource.getX509Svid();
    writeFileSync(this.#certFile, marshalCertificatesPem(svid));
    this.#keyPem = marshalPrivateKeyPem(svid);
    await serverSource.close();
    await this.startServer();
    await this.startCallout();
    await this.#connectOperator();
    this.host = await this.startHost(options.host);
  }

  async #connectOperator(): Promise<void> {
    const bundles = await createX509Source({ address: this.workloadApi, spiffeId: OPERATOR_ID });
    const tokens = createJwtSource({ address: this.workloadApi, spiffeId: OPERATOR_ID });
    this.#sources = [bundles, tokens];
    this.#operator = await connectLattice(
      {
        servers: [this.url],
        name: 'cli',
        trustDomain: TrustDomain.parse(TRUST_DOMAIN),
        bundles,
        fetchToken: ({ signal }) =>
          tokens.fetchJwtSvid({ audience: `${ROOT}/callout`, isFresh: true, signal }),
        inboxPrefix: inboxPrefix(OPERATOR_ID),
        retry: { initialDelayMs: 50, maxDelayMs: 500, attempts: 20 },
      },
      { clock: systemClock, logger: this.logger },
    );
    this.control = new ControlClient(this.#operator.nats, { lattice: 'default', timeoutMs: 5_000 });
    await createStateBuckets(this.#operator.nats, 'default');
    await this.control.watchEvents('*', (event) => this.events.push(event));
  }
}

/** Resolves when `isDone` says so; rejects after `timeoutMs`. */
export async function eventually(
  what: string,
  isDone: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await isDone())) {
    if (Date.now() > until) {
      throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
