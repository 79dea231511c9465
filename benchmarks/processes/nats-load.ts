// Logs in to a nats-server over TLS, again and again: TCP, INFO, a full TLS handshake, CONNECT and PING, PONG, close. So
// many attempts are under way at any time. The server's certificate is compared with the one it must be, which is as
// strict as verifying it and leaves more of the cores to what is measured.
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext } from 'node:tls';

export interface NatsLoad {
  readonly port: number;
  /** The certificate of the CA, PEM, and that of the server, DER. */
  readonly ca: string;
  readonly certificate: Uint8Array;
  /** One login each. */
  readonly tokens: readonly string[];
  readonly inFlight: number;
}

async function run({ port, ca, certificate, tokens, inFlight }: NatsLoad): Promise<object> {
  const options: ConnectionOptions = {
    secureContext: createSecureContext({ ca }),
    checkServerIdentity: (_host, { raw }) =>
      raw.equals(certificate) ? undefined : new Error('another server'),
  };
  const latencies: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let token = tokens[next++]; token !== undefined; token = tokens[next++]) {
      const startedAt = performance.now();
      await logIn(port, token, options);
      latencies.push(performance.now() - startedAt);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { count: latencies.length, perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Resolves when the server has answered the first PING, which it does only for those it let in. */
function logIn(port: number, token: string, options: ConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('data', (info) => {
      if (!info.toString('latin1').startsWith('INFO ')) return reject(new Error('no INFO'));
      socket.off('error', reject);
      const secure = connectTls({ socket, ...options });
      const connect = { verbose: false, pedantic: false, tls_required: true, auth_token: token, name: 'ctl' };
      const rest = { lang: 'load', version: '1', protocol: 1, headers: true, no_responders: true };
      secure.write(`CONNECT ${JSON.stringify({ ...connect, ...rest })}\r\nPING\r\n`);
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('closed before PONG')));
      let text = '';
      secure.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.includes('-ERR')) reject(new Error(text));
        if (!text.includes('PONG\r\n')) return;
        resolve();
        secure.destroy();
      });
    });
  });
}

process.on('message', (load: NatsLoad) => {
  run(load).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.({});

process.on('disconnect', () => process.exit());
