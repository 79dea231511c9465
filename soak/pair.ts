// Two services in processes of their own that talk to each other, and where their identities come from.
import { setTimeout as sleep } from 'node:timers/promises';
import { Service } from './service.ts';
import type { Footprint } from './services/answer.ts';
import type { ClientOptions, ClientReport } from './services/client.ts';
import type { ProviderOptions, ProviderReady } from './services/provider.ts';
import type { ServerOptions, ServerReport } from './services/server.ts';

export const TRUST_DOMAIN = 'soak.example';
export const SERVER_ID: string = `spiffe://${TRUST_DOMAIN}/server`;
export const CLIENT_ID: string = `spiffe://${TRUST_DOMAIN}/client`;

export interface Rates {
  readonly requestsPerSecond: number;
  readonly handshakesPerSecond: number;
}

export interface PairReport {
  readonly server: ServerReport;
  readonly client: ClientReport;
}

export interface Footprints {
  readonly server: Footprint;
  readonly client: Footprint;
}

export class Pair implements AsyncDisposable {
  readonly server: Service;
  readonly client: Service;

  private constructor(server: Service, client: Service) {
    this.server = server;
    this.client = client;
  }

  /** The client asks from now on. The addresses are those of the Workload API, the server's first. */
  static async start(addresses: readonly [string, string], rates: Rates): Promise<Pair> {
    const [serverAddress, clientAddress] = addresses;
    const serverOptions: ServerOptions = {
      address: serverAddress,
      trustDomain: TRUST_DOMAIN,
      spiffeId: SERVER_ID,
      clientId: CLIENT_ID,
    };
    const { service: server, ready } = await Service.start('server', serverOptions);
    try {
      const clientOptions: ClientOptions = {
        address: clientAddress,
        trustDomain: TRUST_DOMAIN,
        spiffeId: CLIENT_ID,
        serverId: SERVER_ID,
        port: (ready as { port: number }).port,
        connections: 8,
        tokenEvery: 4,
        ...rates,
      };
      const { service: client } = await Service.start('client', clientOptions);
      return new Pair(server, client);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async report(): Promise<PairReport> {
    const [server, client] = await Promise.all([
      this.server.ask<ServerReport>('report'),
      this.client.ask<ClientReport>('report'),
    ]);
    return { server, client };
  }

  async footprints(): Promise<Footprints> {
    return { server: await this.server.footprint(), client: await this.client.footprint() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.stop();
    await this.server.stop();
  }
}

/** Starts the Workload API of soak/services/provider.ts with one socket for each of the two. */
export async function startProvider(
  options: Omit<ProviderOptions, 'trustDomain' | 'ids'>,
): Promise<{ provider: Service; addresses: readonly [string, string] }> {
  const all: ProviderOptions = { ...options, trustDomain: TRUST_DOMAIN, ids: [SERVER_ID, CLIENT_ID] };
  const { service: provider, ready } = await Service.start('provider', all);
  return { provider, addresses: (ready as ProviderReady).addresses };
}

/** Waits, and tells now and then how it goes. */
export async function watchOver(pair: Pair, forMs: number, tell: (line: string) => void): Promise<void> {
  const since = performance.now();
  for (let left = forMs; left > 0; left = forMs - (performance.now() - since)) {
    await sleep(Math.min(left, 2_000));
    const { tally } = (await pair.report()).client;
    const { request, token, handshake } = tally.right;
    const seconds = Math.round((performance.now() - since) / 1000);
    const counts = `${String(request + token)} requests, ${String(handshake)} handshakes, ${String(tally.failed)} failures`;
    tell(`${String(seconds)} of ${String(Math.round(forMs / 1000))} s: ${counts}`);
  }
}
