// A SPIRE server and agent of the test's own: folders below /tmp, a free port, gone afterwards.
import { createTestCa } from '@muster/testing';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../integration/support/ports.ts';
import type { Peers } from './peers.ts';
import { Program, run, runJson, temporaryFolder } from './program.ts';

export interface SpireOptions {
  readonly trustDomain: string;
  /** SPIFFE IDs that may use the Delegated Identity API. */
  readonly delegates?: readonly string[];
  /** Who may ask for the identities of others at the Broker Endpoint, and by which types of reference. Nobody: no endpoint. */
  readonly brokers?: readonly { readonly id: string; readonly referenceTypes: readonly string[] }[];
  /** Mints WIT-SVIDs, which is a feature behind a flag. */
  readonly hasWit?: boolean;
  /** Signs under an authority of the test's, so that every chain has an intermediate. */
  readonly hasUpstream?: boolean;
  /** Serves its bundle to other trust domains, at `bundleEndpoint`. */
  readonly hasBundleEndpoint?: boolean;
}

/** Another trust domain that serves its bundle by the profile https_spiffe. */
export interface Federated {
  readonly trustDomain: string;
  readonly url: string;
  readonly endpointId: string;
  /** The SPIFFE bundle document to begin with. */
  readonly bundle: string;
}

export interface SpireEntry {
  readonly spiffeId: string;
  /** As SPIRE's own command line takes them, `unix:uid:0`. */
  readonly selectors: readonly string[];
  /** Default: the machine. */
  readonly parentId?: string;
  readonly hint?: string;
  readonly x509SvidTtl?: number;
  readonly jwtSvidTtl?: number;
  /** Trust domains as SPIFFE IDs. */
  readonly federatesWith?: readonly string[];
}

interface MintedWit {
  readonly private_key: string;
  readonly svid: { readonly token: string };
}

export class Spire implements AsyncDisposable {
  readonly trustDomain: string;
  readonly #paths: Peers;
  readonly #folder: string;
  readonly #port: number;
  readonly #options: SpireOptions;
  readonly #bundlePort: number;
  #server: Program | undefined;
  #agent: Program | undefined;

  private constructor(paths: Peers, options: SpireOptions, folder: string, ports: [number, number]) {
    this.trustDomain = options.trustDomain;
    this.#paths = paths;
    this.#options = options;
    this.#folder = folder;
    [this.#port, this.#bundlePort] = ports;
  }

  /** Server and agent are ready when it resolves. */
  static async start(paths: Peers, options: SpireOptions): Promise<Spire> {
    const folder = temporaryFolder('spire');
    const spire = new Spire(paths, options, folder, [await freePort(), await freePort()]);
    try {
      await spire.#startServer();
      await spire.#attestAgent();
      return spire;
    } catch (error) {
      await spire[Symbol.asyncDispose]();
      throw error;
    }
  }

  get workloadApi(): string {
    return `unix://${this.#folder}/agent/public/api.sock`;
  }

  get workloadApiSocket(): string {
    return `${this.#folder}/agent/public/api.sock`;
  }

  get delegatedApi(): string {
    return `unix://${this.#folder}/agent/admin/api.sock`;
  }

  get brokerEndpoint(): string {
    return `unix://${this.#folder}/agent/broker/api.sock`;
  }

  get bundleEndpoint(): string {
    return `https://127.0.0.1:${String(this.#bundlePort)}`;
  }

  id(path: string): string {
    return `spiffe://${this.trustDomain}${path}`;
  }

  /** Returns the entry's id. */
  async createEntry(entry: SpireEntry): Promise<string> {
    const { results } = await this.server<{ results: { entry: { id: string } }[] }>(
      'entry',
      'create',
      ...flags({
        spiffeID: entry.spiffeId,
        parentID: entry.parentId ?? this.id('/machine'),
        hint: entry.hint,
        x509SVIDTTL: entry.x509SvidTtl?.toString(),
        jwtSVIDTTL: entry.jwtSvidTtl?.toString(),
      }),
      ...(entry.federatesWith ?? []).flatMap((other) => ['-federatesWith', other]),
      ...entry.selectors.flatMap((selector) => ['-selector', selector]),
    );
    const id = results[0]?.entry.id;
    if (id === undefined) throw new Error(`SPIRE did not create the entry of ${entry.spiffeId}`);
    return id;
  }

  async deleteEntry(id: string): Promise<void> {
    await this.server('entry', 'delete', '-entryID', id);
  }

  /** The SPIFFE bundle document of its own trust domain. */
  async bundle(): Promise<string> {
    const words = ['bundle', 'show', '-format', 'spiffe', ...this.#serverSocket()];
    return (await run(this.#paths['spire-server'], words)).stdout;
  }

  /** Mints a WIT-SVID, and a key to it as JWK. */
  async mintWit(spiffeId: string): Promise<{ readonly token: string; readonly privateKey: string }> {
    const words = ['wit', 'mint', '-spiffeID', spiffeId, ...this.#serverSocket(), '-output', 'json'];
    const env = { ...process.env, SPIRE_SERVER_FFLAGS: 'wit-svid' };
    const { code, stdout, stderr } = await run(this.#paths['spire-server'], words, '', env);
    if (code !== 0) throw new Error(`SPIRE did not mint a WIT-SVID: ${stderr}${stdout}`);
    // One object, or a list of one.
    const printed = JSON.parse(stdout) as MintedWit | MintedWit[];
    const minted = [printed].flat()[0];
    if (minted === undefined) throw new Error(`SPIRE printed no WIT-SVID: ${stdout}`);
    return { token: minted.svid.token, privateKey: minted.private_key };
  }

  /** Takes the bundle of another trust domain from its endpoint, again and again. */
  async federateWith({ trustDomain, url, endpointId, bundle }: Federated): Promise<void> {
    const path = join(this.#folder, `${trustDomain}.json`);
    writeFileSync(path, bundle);
    const given = {
      trustDomain,
      bundleEndpointURL: url,
      bundleEndpointProfile: 'https_spiffe',
      endpointSpiffeID: endpointId,
      trustDomainBundlePath: path,
      trustDomainBundleFormat: 'spiffe',
    };
    await this.server('federation', 'create', ...flags(given));
  }

  /** Runs a command of spire-server that answers in JSON. */
  server<T>(...words: string[]): Promise<T> {
    return runJson<T>(this.#paths['spire-server'], [...words, ...this.#serverSocket(), '-output', 'json']);
  }

  /** Starts the agent again; it attested before and its key is on disk. */
  async startAgent(...words: string[]): Promise<void> {
    const config = join(this.#folder, 'agent.conf');
    const agent = new Program(this.#paths['spire-agent'], ['run', '-config', config, ...words]);
    this.#agent = agent;
    await agent.until('the agent is healthy', () =>
      this.#isHealthy(this.#paths['spire-agent'], this.workloadApiSocket),
    );
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
  }

  /** Lets the agent stand still with its sockets open (SIGSTOP), or go on (SIGCONT). */
  signalAgent(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#agent?.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop('SIGKILL');
    await this.#server?.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #startServer(): Promise<void> {
    for (const folder of ['server', 'agent/data', 'agent/public', 'agent/admin', 'agent/broker']) {
      mkdirSync(join(this.#folder, folder), { recursive: true, mode: 0o700 });
    }
    writeFileSync(join(this.#folder, 'server.conf'), this.#serverConfig());
    writeFileSync(join(this.#folder, 'agent.conf'), this.#agentConfig());
    const path = this.#paths['spire-server'];
    this.#server = new Program(path, ['run', '-config', join(this.#folder, 'server.conf')]);
    await this.#server.until('the server is healthy', () =>
      this.#isHealthy(path, join(this.#folder, 'server/api.sock')),
    );
  }

  async #attestAgent(): Promise<void> {
    const bundle = await run(this.#paths['spire-server'], ['bundle', 'show', ...this.#serverSocket()]);
    writeFileSync(join(this.#folder, 'bootstrap.pem'), bundle.stdout);
    const words = ['token', 'generate', '-spiffeID', this.id('/machine')];
    const { value } = await this.server<{ value: string }>(...words);
    await this.startAgent('-joinToken', value);
  }

  async #isHealthy(path: string, socket: string): Promise<boolean> {
    return (await run(path, ['healthcheck', '-socketPath', socket])).code === 0;
  }

  #serverSocket(): string[] {
    return ['-socketPath', join(this.#folder, 'server/api.sock')];
  }

  #serverConfig(): string {
    const folder = join(this.#folder, 'server');
    return `
      server {
        trust_domain = "${this.trustDomain}"  bind_address = "127.0.0.1"  bind_port = "${String(this.#port)}"
        socket_path = "${folder}/api.sock"  data_dir = "${folder}"  log_level = "WARN"
        ca_ttl = "168h"  default_x509_svid_ttl = "5m"  default_jwt_svid_ttl = "5m"
        experimental { cache_reload_interval = "1s"  ${this.#options.hasWit === true ? WIT_FLAG : ''} }
        ${this.#options.hasBundleEndpoint === true ? this.#federation() : ''}
      }
      plugins {
        DataStore "sql" { plugin_data { database_type = "sqlite3"  connection_string = "${folder}/ds.sqlite3" } }
        KeyManager "memory" { plugin_data {} }
        NodeAttestor "join_token" { plugin_data {} }
        ${this.#options.hasUpstream === true ? this.#upstream() : ''}
      }`;
  }

  #federation(): string {
    const endpoint = `address = "127.0.0.1"  port = ${String(this.#bundlePort)}`;
    return `federation { bundle_endpoint { ${endpoint}  refresh_hint = "2s"  profile "https_spiffe" {} } }`;
  }

  #upstream(): string {
    const ca = createTestCa(this.trustDomain);
    const key = join(this.#folder, 'server', 'upstream-key.pem');
    const certificate = join(this.#folder, 'server', 'upstream.pem');
    writeFileSync(key, ca.keyPair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(certificate, ca.bundle.toPem());
    return `UpstreamAuthority "disk" { plugin_data { key_file_path = "${key}"  cert_file_path = "${certificate}" } }`;
  }

  #brokers(socketPath: string): string {
    const brokers = (this.#options.brokers ?? []).map(({ id, referenceTypes }) => {
      const types = referenceTypes.map((type) => `{ type_url = "${type}" }`).join(', ');
      return `{ id = "${id}", allowed_reference_types = [${types}] }`;
    });
    if (brokers.length === 0) return '';
    return `broker { socket_path = "${socketPath}"  brokers = [${brokers.join(', ')}] }`;
  }

  #agentConfig(): string {
    const folder = join(this.#folder, 'agent');
    const delegates = (this.#options.delegates ?? []).map((id) => `"${id}"`).join(', ');
    return `
      agent {
        trust_domain = "${this.trustDomain}"  server_address = "127.0.0.1"  server_port = "${String(this.#port)}"
        data_dir = "${folder}/data"  socket_path = "${folder}/public/api.sock"  log_level = "WARN"
        admin_socket_path = "${folder}/admin/api.sock"  authorized_delegates = [${delegates}]
        trust_bundle_path = "${this.#folder}/bootstrap.pem"
        experimental { sync_interval = "1s"  ${this.#brokers(`${folder}/broker/api.sock`)} }
      }
      plugins {
        KeyManager "disk" { plugin_data { directory = "${folder}/data" } }
        NodeAttestor "join_token" { plugin_data {} }
        WorkloadAttestor "unix" { plugin_data { discover_workload_path = true } }
      }`;
  }
}

const WIT_FLAG = 'feature_flags = ["wit-svid"]';

function flags(values: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`-${name}`, value]));
}
