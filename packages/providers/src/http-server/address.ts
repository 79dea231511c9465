import { ProviderError } from '../errors.ts';

/** Splits `host:port`, `[ipv6]:port`. Throws ProviderError `ERR_HTTP_ADDRESS_INVALID`. */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new ProviderError(
      'ERR_HTTP_ADDRESS_INVALID',
      `Cannot listen on "${text}": the address must be "host:port" or "[ipv6]:port"`,
    );
  }
  return { host, port };
}

/** The way an address is written in a URL and in {@link parseAddress}. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Turns the reason why listening failed into an error of this package. */
export function listenError(address: string, cause: unknown): ProviderError {
  const reason = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (reason === 'EADDRINUSE') {
    return new ProviderError(
      'ERR_HTTP_ADDRESS_IN_USE',
      `Cannot listen on "${address}": another program uses it; stop that program or choose another port`,
      { cause },
    );
  }
  if (reason === 'EADDRNOTAVAIL' || reason === 'EACCES' || reason === 'ENOTFOUND' || reason === 'EAI_AGAIN') {
    return new ProviderError(
      'ERR_HTTP_ADDRESS_NOT_AVAILABLE',
      `Cannot listen on "${address}": the address must belong to this machine and be open to this user (${reason})`,
      { cause },
    );
  }
  return new ProviderError('ERR_HTTP_LISTEN_FAILED', `Cannot listen on "${address}"`, { cause });
}
