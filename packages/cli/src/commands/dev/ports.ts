import { createServer } from 'node:net';
import { CliError } from '../../errors.ts';

const HOST = '127.0.0.1';

/** Checks that a port of 127.0.0.1 can be listened on; 0 takes a free one. Returns the port. Throws ERR_PORT_TAKEN. */
export async function claimPort(port: number, purpose: string, option: string): Promise<number> {
  try {
    return await probe(port);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be listened on (${code ?? 'unknown'})`;
    throw new CliError(
      'ERR_PORT_TAKEN',
      `Port ${String(port)} of ${HOST}, wanted for ${purpose}, ${reason}. End that program, or choose another port with ${option}`,
      { cause },
    );
  }
}

function probe(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
