import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { startHttpServer } from '../../src/index.ts';
import type { HttpHandler, HttpLimits, HttpServer, HttpServerDeps } from '../../src/index.ts';

export const encoder = new TextEncoder();
export const decoder = new TextDecoder();

export const clock: HttpServerDeps['clock'] = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export interface LogLine {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

export interface Rig extends AsyncDisposable {
  server: HttpServer;
  port: number;
  url: string;
  logs: LogLine[];
  setServing(value: boolean): void;
}

/** A server on a free port of the loopback interface, stopped at the end of the scope. */
export async function rig(
  handle: HttpHandler,
  options: { limits?: Partial<HttpLimits>; allowedHosts?: string[] } = {},
): Promise<Rig> {
  const logs: LogLine[] = [];
  let isServing = true;
  const log =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      logs.push({ level, message, fields });
    };
  const server = await startHttpServer(
    { address: '127.0.0.1:0', ...options },
    {
      handle,
      isServing: () => isServing,
      logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      clock,
    },
  );
  const port = Number(server.address.split(':')[1]);
  return {
    server,
    port,
    url: `http://${server.address}`,
    logs,
    setServing: (value) => {
      isServing = value;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Answers with what it saw. */
export const echo: HttpHandler = async (request) => ({
  status: 200,
  headers: [['content-type', 'application/json']],
  body: encoder.encode(
    JSON.stringify({
      method: request.method,
      authority: request.authority,
      path: request.pathWithQuery,
      headers: request.headers,
      body: request.body === undefined ? null : decoder.decode(await whole(request.body)),
    }),
  ),
});

export async function whole(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (body instanceof Uint8Array) {
    return body;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk.slice());
  }
  return Buffer.concat(chunks);
}

/** Sends bytes as they are and collects everything until the server closes. */
export function raw(port: number, text: string, keepOpen?: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('close', () => resolve(received));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') {
        reject(error);
      }
    });
    socket.on('connect', () => {
      socket.write(text, 'latin1');
      keepOpen?.(socket);
    });
  });
}

/** One request on a connection that closes afterwards. */
export function get(lines: string[], target = '/'): string {
  return [`GET ${target} HTTP/1.1`, 'connection: close', ...lines, '', ''].join('\r\n');
}

export function statusOf(answer: string): number {
  return Number(answer.split(' ')[1]);
}
