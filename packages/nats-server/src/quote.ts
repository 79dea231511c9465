import { NatsServerError } from './errors.ts';

/**
 * A double-quoted string of nats-server's configuration language. Variables (`$x`) are not expanded inside quotes.
 * Throws ERR_NATS_SERVER_CONFIG for control characters, which the language cannot express portably.
 */
export function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new NatsServerError(
      'ERR_NATS_SERVER_CONFIG',
      `Cannot write ${JSON.stringify(text)} into a configuration: it holds control characters`,
    );
  }
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Checks that a text is one NATS subject token without wildcards. Throws ERR_NATS_SERVER_CONFIG. */
export function checkToken(text: string, what: string): string {
  if (/^[A-Za-z0-9_-]{1,128}$/.test(text)) return text;
  throw new NatsServerError(
    'ERR_NATS_SERVER_CONFIG',
    `Cannot use ${JSON.stringify(text)} as ${what}: wanted are 1 to 128 letters, digits, "-" or "_"`,
  );
}
