import { isIP } from 'node:net';

import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { parseUnixAddress } from '../wire/grpc/address.ts';
import type { GrpcTarget } from '../wire/grpc/target.ts';

/** The environment variable that names the endpoint (SPIFFE Workload Endpoint section 4). */
export const ENDPOINT_VARIABLE = 'SPIFFE_ENDPOINT_SOCKET';

/**
 * Reads an endpoint address: `unix:///absolute/path` (also `unix:/absolute/path`) or `tcp://ip:port`, and nothing more than
 * that (SPIFFE Workload Endpoint section 4). Default: the environment variable. Throws SpiffeError `ERR_ENDPOINT_ADDRESS`.
 */
export function resolveEndpointAddress(
  address: string | undefined = process.env[ENDPOINT_VARIABLE],
): GrpcTarget {
  if (address === undefined || address === '') {
    throw new SpiffeError(
      'ERR_ENDPOINT_ADDRESS',
      `Cannot find the endpoint: an address must be given, or be in the environment variable ${ENDPOINT_VARIABLE}`,
    );
  }
  if (address.startsWith('tcp:')) {
    return parseTcpAddress(address);
  }
  if (address.startsWith('unix:')) {
    checkUnixAddress(address);
    return { path: parseUnixAddress(address) };
  }
  throw refuse(address, 'it must begin with "unix:" or "tcp:"');
}

/** Says more than the parser does. */
function checkUnixAddress(address: string): void {
  checkPlain(address);
  const [, authority, path = ''] = /^unix:(?:\/\/([^/]*))?(.*)$/s.exec(address) ?? [];
  if (authority !== undefined && authority !== '') {
    throw refuse(address, `it must have no authority: "unix:///path" has three slashes`);
  }
  if (!path.startsWith('/')) {
    throw refuse(address, 'its path must be absolute');
  }
  if (path === '/') {
    throw refuse(address, 'its path must name a socket');
  }
}

function parseTcpAddress(address: string): GrpcTarget {
  checkPlain(address);
  const [, authority] = /^tcp:\/\/(.*)$/s.exec(address) ?? [];
  if (authority === undefined) {
    throw refuse(address, 'it must begin with "tcp://"');
  }
  if (authority.includes('@')) {
    throw refuse(address, 'it must have no user info');
  }
  if (authority.includes('/')) {
    throw refuse(address, 'it must have no path');
  }
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(authority) ?? [];
  const host = bracketed ?? bare;
  if (host === undefined || isIP(host) !== (bracketed === undefined ? 4 : 6)) {
    throw refuse(address, 'its host must be an IP address, one of version 6 in brackets');
  }
  if (port === undefined || port === '') {
    throw refuse(address, 'it must have a port');
  }
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) {
    throw refuse(address, 'its port must be a number from 1 to 65535');
  }
  return { host, port: Number(port) };
}

function checkPlain(address: string): void {
  const fault = [
    ['?', 'a query'],
    ['#', 'a fragment'],
    ['%', 'an escape'],
    ['\0', 'a NUL'],
  ].find(([character = '']) => address.includes(character));
  if (fault !== undefined) {
    throw refuse(address, `it must not have ${String(fault[1])}`);
  }
}

function refuse(address: string, reason: string): SpiffeError {
  return new SpiffeError('ERR_ENDPOINT_ADDRESS', `Cannot use endpoint address ${quote(address)}: ${reason}`);
}
