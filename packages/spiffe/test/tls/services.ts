// Services that say who asks them, and servers that answer nobody, for the tests of what connects to them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';

import { matchId, requireTlsPeer, SpiffeId, tlsPeerOf } from '../../src/index.ts';
import type { TlsConnectOptions, X509SvidSource } from '../../src/index.ts';
import {
  authorizeServer,
  bundles,
  ca,
  CLIENT_ID,
  guarded,
  intermediate,
  listenTcp,
  raw,
  required,
  source,
} from './support.ts';

export const mine: X509SvidSource = source(intermediate.issueX509Svid(CLIENT_ID));

export function options(changes: Partial<TlsConnectOptions> = {}): TlsConnectOptions {
  const trustDomain = ca.trustDomain;
  return { bundles, trustDomain, authorize: authorizeServer, svid: mine, ...changes };
}
export const wrong = (): TlsConnectOptions =>
  options({ authorize: matchId(SpiffeId.parse('spiffe://example.org/another')) });

/** Answers every request with who asks. Remembers what it heard. */
export interface Service {
  readonly url: string;
  readonly port: number;
  readonly requests: string[];
  /** The serial number of each client's certificate, by connection. */
  readonly connections: string[];
  readonly protocols: string[];
}

export async function serve(server: https.Server | http2.Http2SecureServer): Promise<Service> {
  const requests: string[] = [];
  const connections: string[] = [];
  const protocols: string[] = [];
  guarded(server);
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    connections.push(socket.getPeerCertificate().serialNumber);
    protocols.push(String(socket.alpnProtocol));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request.url ?? '');
    response.end(`${requireTlsPeer(request).id.toString()} ${tlsPeerOf(response)?.id.toString()}`);
  });
  const port = await listenTcp(server);
  return { url: `https://localhost:${port}/`, port, requests, connections, protocols };
}
export const overHttps = async (): Promise<Service> => await serve(https.createServer(required()));
export const overHttp2 = async (): Promise<Service> => await serve(http2.createSecureServer(required()));

/** A server that has no SVID but another ID, and tells whether it was sent a byte. */
export async function impostor(ALPNProtocols: string[]): Promise<{ port: number; heard: () => number }> {
  let count = 0;
  const server = tls.createServer(
    { ...raw(ca.issueX509Svid('spiffe://example.org/impostor')), ALPNProtocols },
    (socket) => {
      socket.on('error', () => {});
      socket.on('data', (data: Buffer) => {
        count += data.length;
      });
    },
  );
  return { port: await listenTcp(server), heard: () => count };
}

/** A server that never answers. */
export async function silence(): Promise<number> {
  return await listenTcp(net.createServer(() => {}));
}

export const expected = `${CLIENT_ID} ${CLIENT_ID}`;

export interface Answer {
  readonly text: string;
  readonly response: IncomingMessage;
  readonly socket: net.Socket;
}
export async function get(
  agent: https.Agent,
  url: string,
  extra: https.RequestOptions = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = https.get(url, { agent, ...extra }, (response) => {
      let text = '';
      const { socket } = response;
      response.on('data', (data: Buffer) => {
        text += data.toString();
      });
      response.on('end', () => {
        resolve({ text, response, socket });
      });
    });
    request.on('error', reject);
  });
}
