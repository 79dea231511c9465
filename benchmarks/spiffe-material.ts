// What both sides of the benchmark verify and show: the same chains, tokens and identities.
import { marshalJwtBundle } from '@muster/spiffe';
import { x509SvidResponse } from '@muster/spiffe/wire';
import { createTestCa, signJwt, type TestCa, type TestX509Svid } from '@muster/testing';
import { generateKeyPairSync } from 'node:crypto';
import type { Material } from './processes/spiffe-verify.ts';

export const trustDomain = 'bench.example';
const audience = `spiffe://${trustDomain}/audience`;

/** The names of the sets, and how many members of each are verified in one round. */
export const sets = {
  shared: { title: 'X.509-SVID, one intermediate for all', count: 2000 },
  own: { title: 'X.509-SVID, each with its own intermediate', count: 2000 },
  es256: { title: 'JWT-SVID, ES256', count: 4000 },
  rs256: { title: 'JWT-SVID, RS256', count: 6000 },
} as const;

/** `size` distinct chains and tokens per set: leaf and intermediate P-256, RSA of 2048 bits. */
export function createMaterial(size: number): Material {
  const root = createTestCa(trustDomain);
  const intermediate = root.createIntermediate();
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const numbers = Array.from({ length: size }, (_, at) => at);
  const chain = (ca: TestCa, at: number): readonly Uint8Array[] =>
    ca.issueX509Svid(`spiffe://${trustDomain}/ns/default/sa/w${at}`).certificates;
  const now = Math.floor(Date.now() / 1000);
  const token = (alg: string, kid: string, key: typeof ec.privateKey) => (at: number) =>
    signJwt(
      { alg, kid, typ: 'JWT' },
      {
        sub: `spiffe://${trustDomain}/ns/default/sa/w${at}`,
        aud: [audience],
        exp: now + 3600,
        iat: now,
        jti: `${at}`,
      },
      key,
    );
  return {
    trustDomain,
    audience,
    authorities: [root.certificate],
    jwks: marshalJwtBundle([
      { keyId: 'ec', publicKey: ec.publicKey },
      { keyId: 'rsa', publicKey: rsa.publicKey },
    ]),
    chains: {
      shared: numbers.map((at) => chain(intermediate, at)),
      own: numbers.map((at) => chain(root.createIntermediate(), at)),
    },
    tokens: {
      es256: numbers.map(token('ES256', 'ec', ec.privateKey)),
      rs256: numbers.map(token('RS256', 'rsa', rsa.privateKey)),
    },
  };
}

/** What the Workload API says to a workload that has this SVID. */
export function svidMessage(ca: TestCa, { chainDer, keyDer }: TestX509Svid): Uint8Array {
  const svid = {
    spiffeId: `spiffe://${trustDomain}/server`,
    x509Svid: chainDer,
    x509SvidKey: keyDer,
    bundle: ca.certificate,
    hint: '',
  };
  return x509SvidResponse.encode({ svids: [svid], crl: [], federatedBundles: new Map() });
}
