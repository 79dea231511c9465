// An HTTPS service that serves one client, known by its X.509-SVID, and verifies the JWT-SVIDs that come with requests.
import {
  guardTlsServer,
  matchId,
  SpiffeId,
  tlsPeerOf,
  tlsServerOptions,
  verifyJwtSvid,
} from '@muster/spiffe';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { answerParent } from './answer.ts';
import { type Identity, type IdentityOptions, type IdentityReport, openIdentity } from './identity.ts';
import { Peers, type PeersReport } from './peers.ts';
import { countBy } from './tally.ts';

export interface ServerOptions extends IdentityOptions {
  /** Who may call. */
  readonly clientId: string;
}

export interface ServerReport {
  readonly identity: IdentityReport;
  readonly peers: PeersReport;
  /** Connections that were refused: each code, how often. */
  readonly refusedConnections: Readonly<Record<string, number>>;
  readonly verifiedTokens: number;
  /** Different JWT authorities that had signed them. */
  readonly tokenAuthorities: number;
  readonly refusedTokens: Readonly<Record<string, number>>;
}

const refusedConnections: string[] = [];
const refusedTokens: string[] = [];
const keyIds = new Set<string>();
const peers = new Peers();
let verifiedTokens = 0;
let identity: Identity | undefined;

async function start(options: ServerOptions): Promise<{ port: number }> {
  const own = await openIdentity(options);
  identity = own;
  const client = SpiffeId.parse(options.clientId);
  const server = https.createServer(
    tlsServerOptions({ svid: own.x509, isClientRequired: true }),
    (request, response) => {
      serve(request, response, own, options);
    },
  );
  // A client that asks on many connections in turn leaves each of them idle for a while.
  server.keepAliveTimeout = 120_000;
  guardTlsServer(server, {
    svid: own.x509,
    bundles: own.x509,
    trustDomains: [client.trustDomain],
    authorize: matchId(client),
    onRefused: (error) => refusedConnections.push(codeOf(error)),
  });
  server.on('tlsClientError', (error) => refusedConnections.push(codeOf(error)));
  server.on('secureConnection', (socket: TLSSocket) => {
    if (!socket.destroyed) peers.note(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
}

function serve(
  request: IncomingMessage,
  response: ServerResponse,
  own: Identity,
  options: ServerOptions,
): void {
  request.resume();
  const hello = `hello ${String(tlsPeerOf(request)?.id)}`;
  const token = request.headers.authorization?.replace(/^Bearer /, '');
  if (token === undefined) {
    response.end(hello);
    return;
  }
  try {
    const { id } = verifyJwtSvid(token, { bundles: own.bundles, audience: options.spiffeId });
    verifiedTokens += 1;
    const [header = ''] = token.split('.');
    keyIds.add((JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid);
    response.end(`${hello}, token of ${id.toString()}`);
  } catch (error) {
    refusedTokens.push(codeOf(error));
    response.writeHead(401).end(codeOf(error));
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return code ?? message;
}

function report(): ServerReport {
  if (identity === undefined) throw new Error('The server has not been started');
  return {
    identity: identity.report(),
    peers: peers.report(),
    refusedConnections: countBy(refusedConnections),
    verifiedTokens,
    tokenAuthorities: keyIds.size,
    refusedTokens: countBy(refusedTokens),
  };
}

answerParent({ start, report }, async () => await identity?.close());
