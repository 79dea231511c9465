const LINE_LENGTH = 64;

/** Writes one PEM block with a closing line break (RFC 7468). */
export function encodePem(label: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines: string[] = [];
  for (let start = 0; start < text.length; start += LINE_LENGTH) {
    lines.push(text.slice(start, start + LINE_LENGTH));
  }
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
