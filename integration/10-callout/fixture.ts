import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNkey, createXkey, parseAuditRecord, verifyAuditChain } from '@muster/lattice';
import type { AuditRecord } from '@muster/lattice';
import { findNatsServer, KEY_FILE, launchNatsServer, natsServerConfig } from '@muster/nats-server';
import type { NatsServer } from '@muster/nats-server';
import { TrustDomain } from '@muster/spiffe';
import { jwtBundlesResponse, x509BundlesResponse } from '@muster/spiffe/wire';
import { createTestCa, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestCa, TestJwtAuthority } from '@muster/testing';

export const TRUST_DOMAIN = 'muster.internal';
export const AUDIENCE = `spiffe://${TRUST_DOMAIN}/callout`;
export const HOST_ID = `spiffe://${TRUST_DOMAIN}/lattice/default/host/a`;
export const OPERATOR_ID = `spiffe://${TRUST_DOMAIN}/operator/ann`;
/** What the server is configured with: a client hears within this time, whatever the callout does. */
export const AUTH_TIMEOUT_MS = 3_000;

const text = (seed: Uint8Array): string => Buffer.from(seed).toString('latin1');

/** A trust domain, its Workload API, a nats-server and a callout, each of which a test can take away. */
export class Fixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-callout-'));
  readonly auditFile = join(this.folder, 'audit.jsonl');
  readonly trustDomain = TrustDomain.parse(TRUST_DOMAIN);
  readonly ca: TestCa = createTestCa(TRUST_DOMAIN);
  readonly issuer: TestJwtAuthority = createTestJwtAuthority(TRUST_DOMAIN);
  readonly #issuerKey = createNkey('A');
  readonly #xkey = createXkey();
  readonly #user = createNkey('U');
  readonly #certFile = join(this.folder, 'server.pem');
  #keyPem = '';
  workloadApi!: FakeWorkloadApi;
  #server: NatsServer | undefined;
  #callout: ChildProcess | undefined;
  readonly #others: ChildProcess[] = [];
  #port = 0;
  calloutLog = '';

  /** Everything running, unless told otherwise. */
  static async start(
    options: { userTtlMs?: number; hasCallout?: boolean; hasBundles?: boolean } = {},
  ): Promise<Fixture> {
    const fixture = new Fixture();
    fixture.workloadApi = await startFakeWorkloadApi();
    if (options.hasBundles !== false) fixture.sendBundles();
    const svid = fixture.ca.issueX509Svid(`spiffe://${TRUST_DOMAIN}/nats/test`);
    const pem = svid.certificates.map(
      (der) =>
        `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    );
    writeFileSync(fixture.#certFile, pem.join(''));
    fixture.#keyPem = svid.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    try {
      await fixture.startServer();
      if (options.hasCallout !== false) await fixture.startCallout(options);
    } catch (error) {
      await fixture.stop();
      throw error;
    }
    return fixture;
  }

  get url(): string {
    return `tls://127.0.0.1:${this.#port}`;
  }

  sendBundles(jwks: string = this.issuer.jwks): void {
    const id = `spiffe://${TRUST_DOMAIN}`;
    this.workloadApi.send(
      'FetchX509Bundles',
      x509BundlesResponse.encode({ crl: [], bundles: new Map([[id, this.ca.certificate]]) }),
    );
    this.workloadApi.send(
      'FetchJWTBundles',
      jwtBundlesResponse.encode({ bundles: new Map([[id, Buffer.from(jwks)]]) }),
    );
  }

  async startServer(): Promise<void> {
    const { path } = await findNatsServer();
    const config = natsServerConfig({
      serverName: 'test',
      lattice: 'default',
      port: this.#port,
      storeDir: join(this.folder, 'jetstream'),
      tls: { certFile: this.#certFile, keyFile: KEY_FILE },
      callout: { issuer: this.#issuerKey.publicKey, xkey: this.#xkey.publicKey, user: this.#user.publicKey },
      authTimeoutMs: AUTH_TIMEOUT_MS,
    });
    this.#server = await launchNatsServer({
      path,
      config,
      directory: join(this.folder, 'nats'),
      keyPem: this.#keyPem,
    });
    this.#port = this.#server.port;
  }

  async killServer(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
  }

  /** Starts the process and, unless told otherwise, waits until it answers. */
  async startCallout(options: { userTtlMs?: number; isAwaited?: boolean } = {}): Promise<void> {
    this.#callout = this.#spawnCallout(this.auditFile, options.userTtlMs);
    if (options.isAwaited !== false) await this.#waitFor(this.#callout);
  }

  /** A second instance with an audit log of its own; `stop` ends it. Returns how to kill it. */
  async startOtherCallout(): Promise<{ auditFile: string; kill: (signal: NodeJS.Signals) => void }> {
    const auditFile = join(this.folder, `audit-${this.#others.length + 2}.jsonl`);
    const child = this.#spawnCallout(auditFile);
    this.#others.push(child);
    await this.#waitFor(child);
    return { auditFile, kill: (signal) => void child.kill(signal) };
  }

  #spawnCallout(auditFile: string, userTtlMs = 3_600_000): ChildProcess {
    const settings = { server: this.url, workloadApi: this.workloadApi.address, auditFile, userTtlMs };
    const script = fileURLToPath(new URL('callout-process.ts', import.meta.url));
    const flags = ['--conditions=@muster/source', '--disable-warning=ExperimentalWarning'];
    const child = spawn(process.execPath, [...flags, script, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: {},
    });
    const keys = {
      issuerSeed: text(this.#issuerKey.seed()),
      xkeySeed: text(this.#xkey.seed()),
      userSeed: text(this.#user.seed()),
    };
    (child.stdio[3] as NodeJS.WritableStream).end(JSON.stringify(keys));
    child.stderr?.on('data', (chunk: Buffer) => (this.calloutLog += chunk.toString()));
    return child;
  }

  async #waitFor(child: ChildProcess): Promise<void> {
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the callout ended: ${this.calloutLog}`);
    });
    if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), ended]);
    ended.catch(() => {});
  }

  signalCallout(signal: NodeJS.Signals): void {
    this.#callout?.kill(signal);
  }

  /** Ends the callout and says with which code. */
  async stopCallout(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#callout;
    this.#callout = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  /** The audit log, whose chain must be whole. */
  audit(): readonly AuditRecord[] {
    if (!existsSync(this.auditFile)) return [];
    return verifyAuditChain(readFileSync(this.auditFile, 'utf8').split('\n').slice(0, -1));
  }

  lastAudit(): AuditRecord | undefined {
    const line = readFileSync(this.auditFile, 'utf8').split('\n').at(-2);
    return line === undefined ? undefined : parseAuditRecord(line);
  }

  async stop(): Promise<void> {
    this.signalCallout('SIGCONT');
    await this.stopCallout('SIGKILL');
    for (const child of this.#others) child.kill('SIGKILL');
    await this.#server?.stop();
    await this.workloadApi.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
