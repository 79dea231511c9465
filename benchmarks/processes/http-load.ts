// Sends GET / over keep-alive connections, the next request as soon as an answer is complete, and counts.
// All answers of one server are of one length, which is learnt from the first and then enough to tell them apart.
import { connect, type Socket } from 'node:net';

export interface HttpLoad {
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
}

const request = 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';

async function run({ port, connections, durationMs }: HttpLoad): Promise<object> {
  const latencies: number[] = [];
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const length = await lengthOfAnswer(sockets);
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  await Promise.all(sockets.map((socket) => drive(socket, length, until, latencies)));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const socket of sockets) socket.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { count: latencies.length, perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Asks once on every connection. Fails unless every answer is the expected one. */
async function lengthOfAnswer(sockets: readonly Socket[]): Promise<number> {
  const lengths = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<number>((resolve, reject) => {
          let text = '';
          const onData = (chunk: Buffer): void => {
            text += chunk.toString('latin1');
            const head = text.indexOf('\r\n\r\n');
            if (head < 0) return;
            const body = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2))?.[1];
            const isWhole =
              body === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= head + 4 + Number(body);
            if (!isWhole) return;
            socket.off('data', onData);
            if (text.startsWith('HTTP/1.1 200 ')) resolve(text.length);
            else reject(new Error(`answered ${text.slice(0, 40)}`));
          };
          socket.on('data', onData);
          socket.write(request);
        }),
    ),
  );
  const [length = 0] = lengths;
  if (lengths.some((other) => other !== length))
    throw new Error(`answers differ in length: ${lengths.join(' ')}`);
  return length;
}

function drive(socket: Socket, length: number, until: number, latencies: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0;
    let sentAt = performance.now();
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received < length) return;
      if (received > length) reject(new Error('an answer was longer than the first'));
      const now = performance.now();
      latencies.push(now - sentAt);
      received = 0;
      if (now >= until) return resolve();
      sentAt = now;
      socket.write(request);
    });
    socket.once('close', () => reject(new Error('the server closed a connection')));
    socket.write(request);
  });
}

process.on('message', (load: HttpLoad) => {
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
