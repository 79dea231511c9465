import { parseAuditRecord } from '@muster/lattice';

/** When the newest SVID of each identity expires, as the authority's audit records tell. */
export class Expiries {
  readonly #x509 = new Map<string, number>();
  readonly #jwt = new Map<string, number>();

  /** Takes one audit record of the authority; others are passed over. */
  readonly record = (bytes: Uint8Array): void => {
    const { spiffeId, decision, details } = parseAuditRecord(bytes);
    const { kind, expiresAt } = details;
    if (decision !== 'allow' || spiffeId === null || typeof expiresAt !== 'string') return;
    (kind === 'jwt' ? this.#jwt : this.#x509).set(spiffeId, Date.parse(expiresAt));
  };

  /** The X.509-SVID counts where there is one; identities that only ask for JWT-SVIDs have just those. */
  expiresAt(spiffeId: string): number | undefined {
    return this.#x509.get(spiffeId) ?? this.#jwt.get(spiffeId);
  }
}
