import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import type { TestCa } from '@muster/testing';

import { marshalCertificatesPem, marshalPrivateKeyPem, parseX509Svid } from '../../../src/svid/x509-svid.ts';
import type { X509Svid } from '../../../src/svid/x509-svid.ts';
import type { GrpcMethod } from '../../../src/wire/grpc/server.ts';
import { serveCall } from '../../../src/wire/grpc/server-call.ts';
import { BROKER_HEADER, BROKER_SERVICE } from '../../../src/wire/index.ts';
import type { X509BundleSource } from '../../../src/bundle/source.ts';

export const BROKER = 'spiffe://example.org/broker';
export const ENDPOINT = 'spiffe://example.org/spire/agent/one';

export interface FakeBrokerEndpoint extends AsyncDisposable {
  readonly address: string;
  /** The SPIFFE IDs of the clients that were let in, one per connection. */
  readonly clients: string[];
  /** Why clients were not let in. */
  readonly refused: string[];
  /** The headers of each call that arrived, refused ones too. */
  readonly calls: IncomingHttpHeaders[];
  /** Connections that are open. */
  readonly open: number;
  /** Cuts every connection. */
  cut(): void;
}

export interface FakeBrokerOptions {
  readonly methods: Readonly<Record<string, GrpcMethod>>;
  readonly ca: TestCa;
  readonly isTcp?: boolean;
  /** Default: ENDPOINT. */
  readonly id?: string;
}

/** A Broker Endpoint that lets in nobody but BROKER, by mutual TLS, and no call without the header. */
export async function startFakeBroker(options: FakeBrokerOptions): Promise<FakeBrokerEndpoint> {
  const { ca, methods } = options;
  const own = ownSvid(ca, options.id ?? ENDPOINT);
  const folder = mkdtempSync(join(tmpdir(), 'spiffe-broker-'));
  const path = join(folder, 'api.sock');
  const closing = new AbortController();
  const sockets = new Set<TLSSocket>();
  let open = 0;
  const clients: string[] = [];
  const refused: string[] = [];
  const calls: IncomingHttpHeaders[] = [];
  const services = new Map([
    [BROKER_SERVICE, { securityHeader: BROKER_HEADER, methods: new Map(Object.entries(methods)) }],
  ]);
  const server = http2.createSecureServer({
    cert: marshalCertificatesPem(own),
    key: marshalPrivateKeyPem(own),
    ca: ca.bundle.toPem(),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.prependListener('secureConnection', (socket) => {
    sockets.add(socket);
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    const name = socket.getPeerCertificate().subjectaltname;
    if (name === `URI:${BROKER}`) {
      clients.push(BROKER);
    } else {
      refused.push(name ?? '');
      socket.destroy();
    }
  });
  server.on('tlsClientError', (error: Error) => refused.push(error.message));
  server.on(
    'stream',
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      calls.push(headers);
      void serveCall(stream, headers, rawHeaders, {
        socket: stream.session?.socket as TLSSocket,
        services,
        closing: closing.signal,
        maxRequestBytes: 65_536,
        onError: undefined,
      });
    },
  );
  await new Promise<void>((resolve) => {
    if (options.isTcp === true) {
      server.listen(0, '127.0.0.1', resolve);
    } else {
      server.listen(path, resolve);
    }
  });
  const cut = (): void => {
    for (const socket of sockets) {
      socket.destroy();
    }
    sockets.clear();
  };
  return {
    address:
      options.isTcp === true
        ? `tcp://127.0.0.1:${String((server.address() as AddressInfo).port)}`
        : `unix://${path}`,
    get open() {
      return open;
    },
    clients,
    refused,
    calls,
    cut,
    async [Symbol.asyncDispose]() {
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
      rmSync(folder, { recursive: true });
    },
  };
}

export function ownSvid(ca: TestCa, id: string): X509Svid {
  const { chainDer, keyDer } = ca.issueX509Svid(id);
  return parseX509Svid(chainDer, keyDer);
}

/** The broker's own identity, which counts how often it was asked. */
export function brokerSource(
  ca: TestCa,
  id: string = BROKER,
): X509BundleSource & { getX509Svid(): X509Svid; asked: number } {
  const svid = ownSvid(ca, id);
  return {
    asked: 0,
    getX509Svid() {
      this.asked += 1;
      return svid;
    },
    getX509Bundle: (trustDomain) => ca.bundle.getX509Bundle(trustDomain),
  };
}
