import { SpiffeError } from '../../errors.ts';
import { quote } from '../../internal/quote.ts';

// Linux keeps 108 bytes for a socket path, with the closing NUL.
const MAX_SOCKET_PATH_BYTES = 107;

/** The file path of an address `unix:///abs` or `unix:/abs`. An authority, a query, a fragment or another scheme throws SpiffeError `ERR_ENDPOINT_ADDRESS`. */
export function parseUnixAddress(address: string): string {
  const match = /^unix:(?:\/\/)?(\/[^/\0?#%][^\0?#%]*)$/.exec(address);
  const path = match?.[1];
  if (path === undefined) {
    throw new SpiffeError(
      'ERR_ENDPOINT_ADDRESS',
      `Cannot use endpoint address ${quote(address)}: it must be "unix:///absolute/path" or "unix:/absolute/path"`,
    );
  }
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new SpiffeError(
      'ERR_ENDPOINT_ADDRESS',
      `Cannot use endpoint address ${quote(address)}: its path must have at most ${MAX_SOCKET_PATH_BYTES} bytes`,
    );
  }
  return path;
}
