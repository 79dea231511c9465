// Verifies sets of chains and tokens with @muster/spiffe on one thread, so many at a time, and says what that cost.
import { JwtBundle, TrustDomain, verifyJwtSvid, verifyX509Svid, X509Bundle } from '@muster/spiffe';

/** What both sides verify. */
export interface Material {
  readonly trustDomain: string;
  readonly audience: string;
  readonly authorities: readonly Uint8Array[];
  readonly jwks: string;
  /** Chains, leaf first, and tokens, by the name of their set. */
  readonly chains: Readonly<Record<string, readonly (readonly Uint8Array[])[]>>;
  readonly tokens: Readonly<Record<string, readonly string[]>>;
}

type Order =
  | ({ readonly do: 'prepare' } & Material)
  | { readonly do: 'verify'; readonly what: string; readonly count: number };

const sets = new Map<string, { readonly size: number; readonly verify: (at: number) => void }>();

function prepare(material: Material): void {
  const trustDomain = TrustDomain.parse(material.trustDomain);
  const x509 = X509Bundle.fromAuthorities(trustDomain, material.authorities);
  const bundles = JwtBundle.fromJwks(trustDomain, material.jwks);
  const { audience } = material;
  for (const [name, chains] of Object.entries(material.chains)) {
    sets.set(name, { size: chains.length, verify: (at) => verifyX509Svid(chains[at] ?? [], x509) });
  }
  for (const [name, tokens] of Object.entries(material.tokens)) {
    sets.set(name, {
      size: tokens.length,
      verify: (at) => verifyJwtSvid(tokens[at] ?? '', { bundles, audience }),
    });
  }
}

function measure(what: string, count: number): object {
  const set = sets.get(what);
  if (set === undefined) throw new Error(`nothing was prepared as "${what}"`);
  const { size, verify } = set;
  const [cpuBefore, startedAt] = [process.cpuUsage(), performance.now()];
  for (let at = 0; at < count; at += 1) verify(at % size);
  const wallUs = (performance.now() - startedAt) * 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallUs, cpuUs: user + system };
}

process.on('message', (order: Order) => {
  if (order.do === 'prepare') prepare(order);
  process.send?.(order.do === 'prepare' ? {} : measure(order.what, order.count));
});
process.send?.({});

process.on('disconnect', () => process.exit());
