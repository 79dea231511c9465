// A client that asks at a steady rate: on kept connections, now and then with a JWT-SVID, and on new connections.
import {
  createHttpsAgent,
  createJwtSource,
  type JwtSource,
  matchId,
  type SpiffeAgent,
  SpiffeId,
} from '@muster/spiffe';
import type { ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { answerParent } from './answer.ts';
import { type Identity, type IdentityOptions, type IdentityReport, openIdentity } from './identity.ts';
import { Peers, type PeersReport } from './peers.ts';
import { type Attempt, Tally, type TallyReport } from './tally.ts';

export interface ClientOptions extends IdentityOptions {
  readonly serverId: string;
  readonly port: number;
  readonly requestsPerSecond: number;
  readonly handshakesPerSecond: number;
  /** Every which request on the kept connections carries a JWT-SVID. */
  readonly tokenEvery: number;
  /** Kept connections. */
  readonly connections: number;
}

export interface ClientReport {
  readonly identity: IdentityReport;
  readonly peers: PeersReport;
  readonly tally: TallyReport;
  /** Connections that were made for requests on kept ones. */
  readonly keptConnections: number;
}

const TICK_MS = 10;
/** A silent answer is a failure of its own kind. */
const HUNG_MS = 15_000;
const TOKEN_TIMEOUT_MS = 3_000;
const MAX_UNDER_WAY = 400;

const tally = new Tally();
const peers = new Peers();
let client: Client | undefined;

class Client {
  readonly #options: ClientOptions;
  readonly #identity: Identity;
  readonly #tokens: JwtSource;
  /** Keeps its connections. */
  readonly #agent: SpiffeAgent;
  /** Makes a new one for each request. */
  readonly #onceAgent: SpiffeAgent;
  readonly #timer: NodeJS.Timeout;
  /** What the server says to whom it knows. */
  readonly #greeting: string;
  #keptConnections = 0;
  readonly #known = new WeakSet<object>();
  #underWay = 0;
  #lastTickAt = performance.now();
  readonly #owed = { request: 0, handshake: 0 };
  #sent = 0;

  constructor(options: ClientOptions, identity: Identity) {
    this.#options = options;
    this.#identity = identity;
    const { address, spiffeId, connections } = options;
    const server = SpiffeId.parse(options.serverId);
    this.#greeting = `hello ${spiffeId}`;
    this.#tokens = createJwtSource({ address, spiffeId, timeoutMs: TOKEN_TIMEOUT_MS });
    const tls = {
      bundles: identity.x509,
      trustDomain: server.trustDomain,
      authorize: matchId(server),
      svid: identity.x509,
    };
    this.#agent = createHttpsAgent(tls, { maxSockets: connections, scheduling: 'fifo' });
    this.#onceAgent = createHttpsAgent(tls, { keepAlive: false });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  report(): ClientReport {
    return {
      identity: this.#identity.report(),
      peers: peers.report(),
      tally: tally.report(),
      keptConnections: this.#keptConnections,
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#agent.destroy();
    this.#onceAgent.destroy();
    await Promise.all([this.#tokens.close(), this.#identity.close()]);
  }

  /** Sends what is due, of a pause no more than of one second. */
  #tick(): void {
    const now = performance.now();
    const seconds = Math.min(1, (now - this.#lastTickAt) / 1000);
    this.#lastTickAt = now;
    this.#owed.request += seconds * this.#options.requestsPerSecond;
    this.#owed.handshake += seconds * this.#options.handshakesPerSecond;
    for (; this.#owed.request >= 1; this.#owed.request -= 1) {
      this.#sent += 1;
      if (this.#sent % this.#options.tokenEvery === 0) this.#send('token', () => this.#askWithToken());
      else this.#send('request', () => this.#ask({ agent: this.#agent }));
    }
    for (; this.#owed.handshake >= 1; this.#owed.handshake -= 1)
      this.#send('handshake', () => this.#askAnew());
  }

  #send(what: Attempt, attempt: () => Promise<void>): void {
    if (this.#underWay >= MAX_UNDER_WAY) {
      tally.skipped += 1;
      return;
    }
    this.#underWay += 1;
    void tally.follow(what, attempt).finally(() => {
      this.#underWay -= 1;
    });
  }

  #noteKept(socket: object): void {
    if (this.#known.has(socket)) return;
    this.#known.add(socket);
    this.#keptConnections += 1;
  }

  async #askWithToken(): Promise<void> {
    const { token, id } = await this.#tokens.fetchJwtSvid({ audience: this.#options.serverId });
    const headers = { authorization: `Bearer ${token}` };
    await this.#ask({ agent: this.#agent, headers }, `${this.#greeting}, token of ${id.toString()}`);
  }

  async #askAnew(): Promise<void> {
    let isValid = true;
    await this.#ask({ agent: this.#onceAgent }, this.#greeting, (socket) => {
      isValid = peers.note(socket);
    });
    if (!isValid) throw new Error('accepted an expired server');
  }

  async #ask(
    options: https.RequestOptions,
    expected = this.#greeting,
    onSecure?: (socket: TLSSocket) => void,
  ): Promise<void> {
    const request = https.request({ host: '127.0.0.1', port: this.#options.port, ...options });
    if (options.agent === this.#agent) request.once('socket', (socket) => this.#noteKept(socket));
    if (onSecure !== undefined) {
      request.once('socket', (socket) => socket.once('secureConnect', () => onSecure(socket as TLSSocket)));
    }
    const answer = await ask(request);
    if (answer !== expected) throw new Error(answer);
  }
}

/** The body of a good answer; of another one the status before it. */
async function ask(request: ClientRequest): Promise<string> {
  const timer = setTimeout(() => request.destroy(new Error('hung')), HUNG_MS);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.on('error', reject);
      request.end();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    return response.statusCode === 200 ? body : `${String(response.statusCode)} ${body}`;
  } finally {
    clearTimeout(timer);
  }
}

async function start(options: ClientOptions): Promise<void> {
  client = new Client(options, await openIdentity(options));
}

answerParent(
  { start, report: () => client?.report(), resetTimes: () => tally.resetTimes() },
  async () => await client?.close(),
);
