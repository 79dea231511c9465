/** Fields that belong to one connection, RFC 9110 section 7.6.1, and those named by proxies. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** True for a lower case name that must not cross the server. */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

/** The field names a Connection header takes with it, lower case; never `host` or `content-length`. */
export function connectionOptions(value: string): string[] {
  const names: string[] = [];
  for (const part of value.split(',')) {
    const name = part.trim().toLowerCase();
    if (name !== '' && name !== 'close' && name !== 'keep-alive') {
      names.push(name);
    }
  }
  return names;
}
