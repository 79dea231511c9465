import { connect as connectTls } from 'node:tls';

import { SpiffeError } from '../../errors.ts';
import { quote } from '../../internal/quote.ts';
import { tlsClientOptions } from '../../tls/options.ts';
import type { TlsClientOptions } from '../../tls/options.ts';
import { parseUnixAddress } from '../../wire/grpc/address.ts';
import { waitForSocket } from '../../wire/grpc/target.ts';
import type { GrpcConnect, GrpcTarget } from '../../wire/grpc/target.ts';

/** Name of the environment variable that holds the address of the Broker Endpoint. */
export const BROKER_SOCKET_VARIABLE = 'SPIFFE_BROKER_SOCKET';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const TCP_ADDRESS = new RegExp(`^tcp://(?:\\[([0-9A-Fa-f:.]+)\\]|(${LABEL}(?:\\.${LABEL})*)):(\\d{1,5})$`);
const MAX_HOST_LENGTH = 253;

/** Where a Broker Endpoint is: `unix:///absolute/path`, or `tcp://host:port` with an IP address or a DNS name (SPIFFE Broker Endpoint). Throws SpiffeError `ERR_ENDPOINT_ADDRESS`. */
export function parseBrokerAddress(address: string | undefined): GrpcTarget {
  if (address === undefined || address === '') {
    throw new SpiffeError(
      'ERR_ENDPOINT_ADDRESS',
      `Cannot find the Broker Endpoint: an address or ${BROKER_SOCKET_VARIABLE} must be given`,
    );
  }
  if (!address.startsWith('tcp:')) {
    return { path: parseUnixAddress(address) };
  }
  const [, ipv6, name, digits] = TCP_ADDRESS.exec(address) ?? [];
  const host = ipv6 ?? name ?? '';
  const port = Number(digits);
  if (host === '' || host.length > MAX_HOST_LENGTH || !(port >= 1 && port <= 65_535)) {
    throw new SpiffeError(
      'ERR_ENDPOINT_ADDRESS',
      `Cannot use endpoint address ${quote(address)}: it must be "tcp://host:port" and nothing more`,
    );
  }
  return { host, port };
}

/** Connects by mutual TLS. The server has proven its SPIFFE ID before a byte of HTTP/2 is sent; our own was read from its source at that moment. */
export function connectMutually(options: TlsClientOptions): GrpcConnect {
  return async (target, signal) => {
    const socket = connectTls({ ...tlsClientOptions(options), ...target, ALPNProtocols: ['h2'] });
    try {
      await waitForSocket(socket, 'secureConnect', signal);
    } catch (error) {
      throw findVerificationFault(error) ?? error;
    }
    if (!socket.authorized || socket.alpnProtocol !== 'h2') {
      socket.destroy();
      throw new Error('The server must be authorized and speak HTTP/2 (ALPN "h2")');
    }
    return socket;
  };
}

/** OpenSSL verifies the chain before we do, and names what it finds in codes such as CERT_HAS_EXPIRED. */
function findVerificationFault(error: unknown): SpiffeError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isVerification =
    typeof code === 'string' &&
    /^[A-Z][A-Z_]+$/.test(code) &&
    !code.startsWith('ERR_') &&
    !('syscall' in (error as Error));
  return isVerification
    ? new SpiffeError(
        'ERR_SVID_UNTRUSTED',
        `Cannot connect to the Broker Endpoint: its SVID is not trusted (${code})`,
        {
          cause: error,
        },
      )
    : undefined;
}
