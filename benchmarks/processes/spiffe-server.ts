// A server of mutual TLS whose identity comes from a Workload API. A client that the guard lets in gets one byte.
import {
  createX509Source,
  guardTlsServer,
  matchMemberOf,
  TrustDomain,
  tlsServerOptions,
} from '@muster/spiffe';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';

const settings = JSON.parse(process.argv[2] ?? '{}') as { workloadApi: string; trustDomain: string };
const trustDomain = TrustDomain.parse(settings.trustDomain);
const source = await createX509Source({ address: settings.workloadApi });
const server = createServer(tlsServerOptions({ svid: source, isClientRequired: true }));
guardTlsServer(server, {
  svid: source,
  bundles: source,
  authorize: matchMemberOf(trustDomain),
  onRefused: (error) => console.error(error),
});
server.on('secureConnection', (socket) => {
  socket.on('error', (error) => console.error(error));
  socket.write('.');
  socket.destroySoon();
});
server.on('tlsClientError', (error) => console.error(error));
server.listen(0, '127.0.0.1');
await once(server, 'listening');

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.send?.({ address: `127.0.0.1:${(server.address() as AddressInfo).port}` });

process.on('disconnect', () => process.exit());
