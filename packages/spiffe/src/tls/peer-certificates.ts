import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';

// No chain that is longer than this is accepted; the rest need not be read.
const MAX_CERTIFICATES = 16;

/**
 * The certificates that the peer of a connection sent, leaf first. node:tls makes `X509Certificate`s of them in a tenth of
 * the time that `getPeerCertificate(true)` takes, but only once; from here on the socket therefore answers from what was
 * taken, to this and to everybody else, as it would have before.
 */
export function takePeerCertificates(socket: TLSSocket): readonly X509Certificate[] {
  const leaf = socket.getPeerX509Certificate();
  const certificates: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && certificates.length < MAX_CERTIFICATES;) {
    certificates.push(next);
    next = next.issuerCertificate;
  }
  if (leaf !== undefined) {
    const answer = (value: unknown): PropertyDescriptor => ({ configurable: true, writable: true, value });
    Object.defineProperties(socket, {
      getPeerX509Certificate: answer(() => (socket.destroyed ? undefined : leaf)),
      getPeerCertificate: answer((isDetailed?: boolean) =>
        socket.destroyed ? null : describe(certificates, isDetailed === true),
      ),
    });
  }
  return certificates;
}

/** In the older form: each linked to its issuer when details are wanted, a self-signed one to itself. */
function describe(certificates: readonly X509Certificate[], isDetailed: boolean): PeerCertificate {
  const described = certificates
    .slice(0, isDetailed ? undefined : 1)
    .map((certificate) => certificate.toLegacyObject() as DetailedPeerCertificate);
  if (isDetailed) {
    for (const [index, one] of described.entries()) {
      const issuer =
        described[index + 1] ?? (certificates[index]!.checkIssued(certificates[index]!) ? one : undefined);
      if (issuer !== undefined) {
        one.issuerCertificate = issuer;
      }
    }
  }
  return described[0]!;
}
