// Random chains and bundles: mostly good, so that a single fault shows by itself and faults meet in pairs.
import { der, OID } from '@muster/spiffe/wire';
import {
  type CaOverrides,
  createRandom,
  createTestCa,
  distinguishedName,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  type KeyPair,
  type LeafOverrides,
  mutateBytes,
  mutateDer,
  nameConstraintsExtension,
  type TestCa,
} from '@muster/testing';
import * as fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { FAR_AHEAD, ID, JUST_PAST, LAST, LONG_AGO, NOW, TRUST_DOMAIN } from '../vectors/vector.ts';
import type { SvidCase, X509Case } from './judge.ts';

const keyPairs: readonly KeyPair[] = [
  generateEcKeyPair(),
  generateEcKeyPair('P-384'),
  generateEcKeyPair('P-521'),
  generateKeyPairSync('rsa', { modulusLength: 2048 }),
  generateKeyPairSync('ed25519'),
  generateKeyPairSync('rsa', { modulusLength: 1024 }),
  generateEcKeyPair('P-224'),
];

/** Mostly the first value; how much so is `weight`. */
function weighted(weight: number): <T>(good: T, ...others: readonly [T, ...T[]]) => fc.Arbitrary<T> {
  return (good, ...others) =>
    fc.oneof({ weight, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}

// There may be four authorities, each of which spoils the chain, and but one leaf.
const mostly = weighted(80);
const often = weighted(15);

const mostlyKey = fc.oneof(
  { weight: 20, arbitrary: fc.nat(keyPairs.length - 3) },
  { weight: 1, arbitrary: fc.nat(keyPairs.length - 1) },
);
const usages = Object.values(KEY_USAGE);
const constraints = nameConstraintsExtension;
const caExtensions: readonly (readonly Uint8Array[])[] = [
  [constraints({ permittedUris: ['example.org'] })],
  [constraints({ permittedUris: ['.org'] })],
  [constraints({ permittedUris: ['.example.org'] })],
  [constraints({ excludedUris: ['example.org'] })],
  [constraints({ excludedUris: ['other.org'], permittedDnsNames: ['svc.example'] })],
  [constraints({ permittedDnsNames: ['.svc.example'] })],
  [constraints({ permittedUris: ['EXAMPLE.org'] })],
  [extension('1.2.3.4', der.null(), true)],
  [extension('1.2.3.4', der.null(), false)],
  [extension(OID.CERTIFICATE_POLICIES, der.sequence(der.sequence(der.oid('1.2.3'))), true)],
];

const times = {
  notBeforeAt: mostly(LONG_AGO, FAR_AHEAD, NOW, NOW + 1000),
  expiresAt: mostly(LAST, JUST_PAST, NOW + 1000, NOW - 1000),
};

const caSpec = fc.record({
  ...times,
  isCa: mostly(true, false),
  pathLength: mostly<number | undefined>(undefined, 0, 1, 2),
  keyUsage: fc.oneof(
    { weight: 80, arbitrary: fc.constant<number[] | undefined>([KEY_USAGE.keyCertSign, KEY_USAGE.cRLSign]) },
    { weight: 1, arbitrary: fc.subarray(usages, { minLength: 1 }) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  isKeyUsageCritical: mostly(true, false),
  extraExtensions: mostly<readonly Uint8Array[]>([], ...(caExtensions as [Uint8Array[]])),
  subject: mostly<Uint8Array | undefined>(
    undefined,
    distinguishedName({ commonName: 'same' }),
    distinguishedName(),
  ),
  key: mostlyKey,
});

const leafSpec = fc.record({
  ...times,
  uris: often<readonly (string | Uint8Array)[]>(
    [ID],
    [],
    [ID, ID],
    ['spiffe://example.org'],
    ['spiffe://other.org/a'],
    ['https://example.org/a'],
    ['Spiffe://example.org/a'],
    ['spiffe://example.org/a%20b'],
    ['spiffe://example.org:1/a'],
    [Buffer.from('spiffe://example.org/ä', 'utf8')],
  ),
  dnsNames: often<readonly string[]>(
    [],
    ['a.svc.example'],
    ['svc.example', 'evil.example'],
    ['*.svc.example'],
    [''],
  ),
  subject: often(distinguishedName(), distinguishedName({ commonName: 'a' })),
  isSanCritical: often(true, false),
  isCa: often(false, true),
  keyUsage: fc.oneof(
    { weight: 15, arbitrary: fc.constant<number[] | undefined>([KEY_USAGE.digitalSignature]) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        undefined,
        [KEY_USAGE.digitalSignature, KEY_USAGE.keyCertSign],
        [KEY_USAGE.digitalSignature, KEY_USAGE.cRLSign],
        [KEY_USAGE.keyAgreement],
      ),
    },
    { weight: 1, arbitrary: fc.subarray(usages, { minLength: 1 }) },
  ),
  isKeyUsageCritical: often(true, false),
  extendedKeyUsage: often<readonly string[] | undefined>(
    [OID.SERVER_AUTH, OID.CLIENT_AUTH],
    undefined,
    [OID.SERVER_AUTH],
    [OID.CLIENT_AUTH],
    ['2.5.29.37.0'],
    [OID.CLIENT_AUTH, '1.2.3', OID.SERVER_AUTH],
  ),
  extraExtensions: often<readonly Uint8Array[]>([], ...(caExtensions as [Uint8Array[]])),
  key: mostlyKey,
});

const spec = fc.record({
  root: caSpec,
  intermediates: fc.array(caSpec, { maxLength: 3 }),
  leaf: leafSpec,
  bundle: mostly<'root' | 'first' | 'both' | 'stranger' | 'all' | 'none'>(
    'root',
    'first',
    'both',
    'stranger',
    'all',
    'none',
  ),
  order: mostly<'good' | 'reversed' | 'cut' | 'doubled' | 'with-root' | 'leaf-last'>(
    'good',
    'reversed',
    'cut',
    'doubled',
    'with-root',
    'leaf-last',
  ),
  at: mostly(NOW, LONG_AGO, LONG_AGO - 1000, LAST - 1000, LAST + 1000),
  /** Which certificate is changed after it was signed, and how: 0 not at all. */
  mutation: mostly(0, 1, 2),
  mutated: fc.nat(4),
  seed: fc.nat(),
});

type Spec = typeof spec extends fc.Arbitrary<infer T> ? T : never;

interface Built {
  readonly authorities: readonly TestCa[];
  readonly chain: readonly Uint8Array[];
  readonly keyDer: Uint8Array;
}

function build(one: Spec): Built {
  const root = createTestCa(TRUST_DOMAIN, NOW, toCa(one.root));
  let issuer = root;
  const authorities: TestCa[] = [root];
  for (const intermediate of one.intermediates) {
    issuer = issuer.createIntermediate(toCa(intermediate));
    authorities.push(issuer);
  }
  const { key, ...leaf } = one.leaf;
  const overrides: LeafOverrides = { ...leaf, keyPair: keyPairs[key]! };
  const { certificates, keyDer } = issuer.issueX509Svid(ID, overrides);
  const chain = arrange(certificates, root.certificate, one.order);
  const target = one.mutated % chain.length;
  const change = mutatorOf(one, chain);
  return {
    authorities,
    chain: chain.map((bytes, index) => (index === target ? change(bytes) : bytes)),
    keyDer,
  };
}

function mutatorOf(one: Spec, corpus: readonly Uint8Array[]): (bytes: Uint8Array) => Uint8Array {
  if (one.mutation === 0) return (bytes) => bytes;
  const mutate = one.mutation === 1 ? mutateDer : mutateBytes;
  return (bytes) => mutate(bytes, createRandom(one.seed), corpus);
}

/** A chain, and what it is verified against. */
export const randomChain: fc.Arbitrary<X509Case> = spec.map((one) => {
  const { authorities, chain } = build(one);
  return {
    kind: 'x509',
    trustDomain: TRUST_DOMAIN,
    chain,
    authorities: choose(authorities, one.bundle),
    at: one.at,
  };
});

/** A chain with a key, mostly its own. */
export const randomSvid: fc.Arbitrary<SvidCase> = fc
  .record({
    one: spec,
    whose: mostly('own', 'other', 'mutant', 'doubled'),
    other: fc.nat(keyPairs.length - 1),
    seed: fc.nat(),
  })
  .map(({ one, whose, other, seed }) => {
    const { chain, keyDer } = build(one);
    const keys: Readonly<Record<string, () => Uint8Array>> = {
      own: () => keyDer,
      other: () => keyPairs[other]!.privateKey.export({ format: 'der', type: 'pkcs8' }),
      mutant: () => mutateDer(keyDer, createRandom(seed), [keyDer]),
      doubled: () => Buffer.concat([keyDer, keyDer]),
    };
    return { kind: 'svid', chain, key: keys[whose]!() };
  });

function toCa({
  key,
  pathLength,
  subject,
  ...rest
}: typeof caSpec extends fc.Arbitrary<infer T> ? T : never): CaOverrides {
  return {
    ...rest,
    keyPair: keyPairs[key]!,
    ...(pathLength === undefined ? {} : { pathLength }),
    ...(subject === undefined ? {} : { subject }),
  };
}

const stranger = createTestCa(TRUST_DOMAIN, NOW, { notBeforeAt: LONG_AGO, expiresAt: LAST });

function choose(authorities: readonly TestCa[], which: string): Uint8Array[] {
  const all = authorities.map(({ certificate }) => certificate);
  switch (which) {
    case 'first':
      return all.slice(0, 2).slice(-1);
    case 'both':
      return [stranger.certificate, all[0]!];
    case 'stranger':
      return [stranger.certificate];
    case 'all':
      return all;
    case 'none':
      return [];
    default:
      return all.slice(0, 1);
  }
}

function arrange(chain: readonly Uint8Array[], root: Uint8Array, order: string): Uint8Array[] {
  const [leaf, ...rest] = chain as [Uint8Array, ...Uint8Array[]];
  switch (order) {
    case 'reversed':
      return [leaf, ...rest.toReversed()];
    case 'cut':
      return chain.length > 1 ? chain.slice(0, -1) : [leaf];
    case 'doubled':
      return [leaf, ...rest, ...rest];
    case 'with-root':
      return [leaf, root, ...rest];
    case 'leaf-last':
      return [...rest, leaf];
    default:
      return [leaf, ...rest];
  }
}
