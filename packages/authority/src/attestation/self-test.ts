import { randomUUID } from 'node:crypto';
import { closeSync } from 'node:fs';
import net from 'node:net';
import { AuthorityError } from '../errors.ts';
import type { Libc } from './libc.ts';
import { descriptorOf, openPeer, type AttestationMode } from './peer.ts';

const TIMEOUT_MS = 5000;

/**
 * Connects to itself and expects to see itself. Finds out which mode the kernel offers, and guards the undocumented
 * property that attestation reads. Throws ERR_ATTESTATION_UNAVAILABLE: then the authority must not start.
 */
export async function testAttestation(libc: Libc): Promise<AttestationMode> {
  // An abstract name leaves nothing behind in the file system.
  const name = `\0muster-self-test-${randomUUID()}`;
  const server = net.createServer();
  let client: net.Socket | undefined;
  try {
    return await new Promise<AttestationMode>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no connection within 5 s')), TIMEOUT_MS);
      const finish = (run: () => AttestationMode): void => {
        clearTimeout(timer);
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      };
      server.once('error', reject);
      server.once('connection', (socket) => {
        finish(() => identifySelf(socket, libc));
        socket.destroy();
      });
      server.listen(name, () => {
        client = net.connect(name);
        client.once('error', reject);
      });
    });
  } catch (cause) {
    throw new AuthorityError(
      'ERR_ATTESTATION_UNAVAILABLE',
      'Cannot attest callers: the self-test did not recognise this process; no identity can be issued here',
      { cause },
    );
  } finally {
    client?.destroy();
    server.close();
  }
}

function identifySelf(socket: net.Socket, libc: Libc): AttestationMode {
  const pidfd = libc.peerPidfd(descriptorOf(socket));
  const mode = pidfd === undefined ? 'pid-start-time' : 'pidfd';
  if (pidfd !== undefined) closeSync(pidfd);
  using peer = openPeer(socket, libc, mode);
  const isSelf =
    peer.facts.pid === process.pid &&
    peer.facts.uid === process.geteuid?.() &&
    peer.facts.gid === process.getegid?.();
  if (!isSelf) throw new Error(`a connection of process ${process.pid} was seen as one of ${peer.facts.pid}`);
  return mode;
}
