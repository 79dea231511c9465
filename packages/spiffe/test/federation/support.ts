import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';

import type { TestCa, TestX509Svid } from '@muster/testing';

import { marshalSpiffeBundle, parseX509Svid, SpiffeId, tlsServerOptions } from '../../src/index.ts';
import type { BundleEndpoint, SpiffeBundleContents, TrustDomain, X509BundleSource } from '../../src/index.ts';

export const ENDPOINT_ID = 'spiffe://example.org/bundle-endpoint';

/** Writes what a request gets, and may be exchanged between requests. */
export interface TestEndpoint {
  readonly port: number;
  readonly url: string;
  answer: RequestListener;
  /** Requests so far, as method and path. */
  readonly requests: string[];
  /** TLS or TCP connections so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Starts an https server on the loopback interface. */
export async function startEndpoint(options: TlsOptions, host = '127.0.0.1'): Promise<TestEndpoint> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server: Server = createServer(options, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    endpoint.answer(request, response);
  });
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = {
    port,
    url: `https://${host === '127.0.0.1' ? 'localhost' : host}:${port}/bundle.json`,
    answer: ((_request, response) => response.end()) as RequestListener,
    requests,
    get connections() {
      return connections;
    },
    async close(): Promise<void> {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return endpoint;
}

/** Server options with a certificate for a host name, as a public authority would sign it. */
export function webServerOptions(ca: TestCa, names: readonly string[] = ['localhost']): TlsOptions {
  const issued = ca.issueX509Svid('spiffe://web.example/server', { dnsNames: names });
  return { cert: pem(issued), key: issued.privateKey.export({ format: 'pem', type: 'pkcs8' }) };
}

/** Server options with an X.509-SVID. */
export function spiffeServerOptions(ca: TestCa, id: string = ENDPOINT_ID): TlsOptions {
  const issued = ca.issueX509Svid(id);
  const svid = parseX509Svid(issued.chainDer, issued.keyDer);
  return tlsServerOptions({ svid: { getX509Svid: () => svid } });
}

export function toPem(bytes: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`;
}

function pem(issued: TestX509Svid): string {
  return issued.certificates.map(toPem).join('');
}

export function webEndpoint(trustDomain: TrustDomain, url: string, ca: TestCa): BundleEndpoint {
  return { trustDomain, url, profile: { type: 'https_web', ca: toPem(ca.certificate) } };
}

export function spiffeEndpoint(
  trustDomain: TrustDomain,
  url: string,
  bundles: X509BundleSource,
  endpointId: string = ENDPOINT_ID,
): BundleEndpoint {
  return {
    trustDomain,
    url,
    profile: { type: 'https_spiffe', endpointId: SpiffeId.parse(endpointId), bundles },
  };
}

/** A document with the X.509 authorities of some test authorities. */
export function bundleDocument(
  authorities: readonly TestCa[],
  members: Omit<Partial<SpiffeBundleContents>, 'x509Authorities'> = {},
): string {
  return marshalSpiffeBundle({
    x509Authorities: authorities.map((ca) => ca.certificate),
    jwtAuthorities: [],
    ...members,
  });
}

export function answerWith(document: string | (() => string)): RequestListener {
  return (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(typeof document === 'string' ? document : document());
  };
}
