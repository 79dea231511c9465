// A search, since a pattern that repeats to the end keeps every step in memory.
const NOT_BASE64 = /[^A-Za-z0-9+/]/;

/** Decodes base64 with padding (RFC 4648 section 4), or returns undefined, also for the empty text. Takes no other memory than the result. */
export function decodeBase64(text: string): Buffer | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const isBase64 =
    text !== '' && text.length % 4 === 0 && !NOT_BASE64.test(text.slice(0, text.length - padding));
  return isBase64 ? Buffer.from(text, 'base64') : undefined;
}
