import type { ImportInterface } from '../link/component.ts';
import { inertClass, refusing } from './inert.ts';

const denied = 'access-denied';

const Network = inertClass([], denied);

const socketMethods = [
  'startBind',
  'finishBind',
  'localAddress',
  'remoteAddress',
  'addressFamily',
  'receiveBufferSize',
  'setReceiveBufferSize',
  'sendBufferSize',
  'setSendBufferSize',
  'subscribe',
];

const TcpSocket = inertClass(
  [
    ...socketMethods,
    'startConnect',
    'finishConnect',
    'startListen',
    'finishListen',
    'accept',
    'isListening',
    'setListenBacklogSize',
    'keepAliveEnabled',
    'setKeepAliveEnabled',
    'keepAliveIdleTime',
    'setKeepAliveIdleTime',
    'keepAliveInterval',
    'setKeepAliveInterval',
    'keepAliveCount',
    'setKeepAliveCount',
    'hopLimit',
    'setHopLimit',
    'shutdown',
  ],
  denied,
);

/** The interfaces of `wasi:sockets` by name; none of them reaches anything. */
export const sockets: Readonly<Record<string, ImportInterface>> = {
  network: { Network, networkErrorCode: () => undefined },
  'instance-network': { instanceNetwork: () => new Network() },
  'ip-name-lookup': {
    ResolveAddressStream: inertClass(['resolveNextAddress', 'subscribe'], denied),
    resolveAddresses: refusing(denied),
  },
  tcp: { TcpSocket },
  'tcp-create-socket': { createTcpSocket: refusing(denied) },
  udp: {
    UdpSocket: inertClass([...socketMethods, 'stream', 'unicastHopLimit', 'setUnicastHopLimit'], denied),
    IncomingDatagramStream: inertClass(['receive', 'subscribe'], denied),
    OutgoingDatagramStream: inertClass(['checkSend', 'send', 'subscribe'], denied),
  },
  'udp-create-socket': { createUdpSocket: refusing(denied) },
};
