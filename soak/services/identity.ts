// What both services have: sources of one identity, and a count of what came through them.
import {
  type BundleSource,
  createBundleSource,
  createX509Source,
  TrustDomain,
  type X509Source,
} from '@muster/spiffe';
import { createHash } from 'node:crypto';

export interface IdentityOptions {
  /** Of the Workload API. */
  readonly address: string;
  readonly trustDomain: string;
  readonly spiffeId: string;
}

export interface IdentityReport {
  /** Different X.509-SVIDs that the source has had. */
  readonly svids: number;
  /** Different X.509 authorities that were in its bundle. */
  readonly x509Authorities: number;
  /** Different JWT authorities that were in the bundle. */
  readonly jwtAuthorities: number;
  /** `onError` of the sources: each code, how often. */
  readonly errors: Readonly<Record<string, number>>;
  /** Of the SVID that is held now; 0 when there is none. */
  readonly expiresAt: number;
}

export interface Identity {
  readonly x509: X509Source;
  readonly bundles: BundleSource;
  report(): IdentityReport;
  close(): Promise<void>;
}

export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { address, spiffeId } = options;
  const trustDomain = TrustDomain.parse(options.trustDomain);
  const errors: Record<string, number> = {};
  const onError = (error: Error): void => {
    const code = (error as { code?: string }).code ?? error.message;
    errors[code] = (errors[code] ?? 0) + 1;
  };
  const x509 = await createX509Source({ address, spiffeId, onError });
  const bundles = await createBundleSource({ address, onError });
  const svids = new Set<string>();
  const x509Authorities = new Set<string>();
  const jwtAuthorities = new Set<string>();
  const look = (): void => {
    if (x509.state() === 'valid') svids.add(digest(x509.getX509Svid().certificates[0]));
    for (const der of x509.getX509Bundle(trustDomain)?.authorities ?? []) x509Authorities.add(digest(der));
    for (const { keyId } of bundles.getJwtBundle(trustDomain)?.authorities ?? []) jwtAuthorities.add(keyId);
  };
  look();
  x509.onChange(look);
  bundles.onChange(look);
  return {
    x509,
    bundles,
    report: () => ({
      svids: svids.size,
      x509Authorities: x509Authorities.size,
      jwtAuthorities: jwtAuthorities.size,
      errors: { ...errors },
      expiresAt: x509.state() === 'valid' ? x509.getX509Svid().expiresAt : 0,
    }),
    async close() {
      await Promise.all([x509.close(), bundles.close()]);
    },
  };
}

function digest(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? '')
    .digest('base64');
}
