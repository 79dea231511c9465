import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface AskOptions {
  readonly path?: string;
  readonly body?: string | Uint8Array;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
  /** Silence of this length ends the request as lost, default 10 s. */
  readonly timeoutMs?: number;
}

/** One request to a port of the loopback address. Rejects unless a whole answer comes. */
export function ask(port: number, options: AskOptions = {}): Promise<Answer> {
  const { path = '/', body, agent, timeoutMs = 10_000 } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        agent: agent ?? false,
        timeout: timeoutMs,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(chunks).toString('latin1'),
          });
        });
      },
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The status, or 0 when no whole answer came. */
export function statusOf(port: number, path = '/'): Promise<number> {
  return ask(port, { path }).then(
    ({ status }) => status,
    () => 0,
  );
}
