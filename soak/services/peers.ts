// A second look at who was let in, by what node:tls itself says of the leaf.
import type { TLSSocket } from 'node:tls';

export interface PeersReport {
  /** Different leaves seen in handshakes that were accepted. */
  readonly leaves: number;
  /** Different authorities that had signed them. */
  readonly issuers: number;
  /** Accepted although the leaf had expired: a defect. */
  readonly expired: number;
}

/** What was accepted in its last moment is looked at a little later. */
const MARGIN_MS = 1_000;

export class Peers {
  readonly #leaves = new Set<string>();
  readonly #issuers = new Set<string>();
  #expired = 0;

  /** Returns false when the peer's leaf has expired. */
  note(socket: TLSSocket): boolean {
    const { serialNumber, issuer, valid_to: validTo } = socket.getPeerCertificate();
    this.#leaves.add(serialNumber);
    this.#issuers.add(JSON.stringify(issuer));
    const isValid = Date.now() < Date.parse(validTo) + MARGIN_MS;
    if (!isValid) this.#expired += 1;
    return isValid;
  }

  report(): PeersReport {
    return { leaves: this.#leaves.size, issuers: this.#issuers.size, expired: this.#expired };
  }
}
