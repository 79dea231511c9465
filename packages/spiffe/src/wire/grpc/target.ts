import net from 'node:net';
import type { Duplex } from 'node:stream';

/** Where a server listens: a unix socket, or a TCP port of a host. */
export type GrpcTarget = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * Opens the connection for HTTP/2, which writes to it as soon as it has it: whatever is to be proven first, such as the
 * identity of a TLS server, is proven before it resolves. Rejects with a SpiffeError to end the call with that very error.
 * Once the signal is aborted nobody takes the connection any more.
 */
export type GrpcConnect = (target: GrpcTarget, signal: AbortSignal) => Promise<Duplex>;

/** Connects without TLS. */
export const connectPlain: GrpcConnect = async (target, signal) => {
  const socket = net.connect(target);
  await waitForSocket(socket, 'connect', signal);
  return socket;
};

/**
 * Waits until a socket is connected (`connect`) or its TLS handshake is done (`secureConnect`), and destroys it when that
 * fails or the signal is aborted. Rejects with the error of the socket, or the reason of the signal.
 */
export async function waitForSocket(
  socket: net.Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        reject(signal.reason as Error);
      };
      const stop = (): void => {
        signal.removeEventListener('abort', abort);
      };
      socket.once(event, () => {
        stop();
        resolve();
      });
      // The listener stays: an error between here and HTTP/2 must not end the process.
      socket.on('error', (error) => {
        stop();
        reject(error);
      });
      socket.once('close', () => {
        stop();
        reject(new Error('The peer closed the connection'));
      });
      if (signal.aborted) {
        abort();
      }
      signal.addEventListener('abort', abort, { once: true });
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
