// Our two ends of mutual TLS: a line goes there, an answer comes back.
import {
  connectTls,
  guardTlsServer,
  matchAny,
  matchId,
  requireTlsPeer,
  SpiffeId,
  tlsServerOptions,
  type X509Source,
} from '@muster/spiffe';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';

/** Says hello to a server that must have the ID, and returns its answer. */
export async function askTlsServer(address: string, wanted: string, source: X509Source): Promise<string> {
  const server = SpiffeId.parse(wanted);
  const [host = '', port] = address.split(':');
  const socket = connectTls(
    { host, port: Number(port) },
    { bundles: source, trustDomain: server.trustDomain, authorize: matchId(server), svid: source },
  );
  socket.setTimeout(10_000, () => socket.destroy(new Error('silence')));
  try {
    await once(socket, 'secureConnect');
    if (!requireTlsPeer(socket).id.equals(server)) throw new Error('connected to somebody else');
    socket.write('hello from Muster\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const answer = Buffer.concat(chunks).toString();
    if (answer === '') throw new Error('closed without an answer');
    return answer;
  } finally {
    socket.destroy();
  }
}

export interface EchoServer extends AsyncDisposable {
  readonly address: string;
  /** Codes of the errors for which clients were refused, by the guard or by OpenSSL before it. */
  readonly refusals: string[];
  /** IDs of the clients that were served. */
  readonly peers: string[];
}

/** Serves clients that have the ID and nobody else, or without an ID every member of the source's trust domains. */
export async function startTlsServer(wanted: string | undefined, source: X509Source): Promise<EchoServer> {
  const refusals: string[] = [];
  const peers: string[] = [];
  const server = tls.createServer(tlsServerOptions({ svid: source, isClientRequired: true }), (socket) => {
    peers.push(requireTlsPeer(socket).id.toString());
    socket.on('error', () => {});
    socket.once('data', (line: Buffer) => socket.end(`Muster heard ${line.toString()}`));
  });
  guardTlsServer(server, {
    svid: source,
    bundles: source,
    authorize: wanted === undefined ? matchAny() : matchId(SpiffeId.parse(wanted)),
    onRefused: (error) => refusals.push((error as { code?: string }).code ?? error.message),
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => refusals.push(error.code ?? error.message));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    refusals,
    peers,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
