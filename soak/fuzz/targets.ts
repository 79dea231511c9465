// Readers of bytes that others send.
import {
  JwtBundle,
  marshalX509SvidPem,
  parseSpiffeBundle,
  parseSpiffeBundleSet,
  parseUnverifiedJwtSvid,
  parseX509Svid,
  parseX509SvidPem,
  SpiffeId,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  X509Bundle,
} from '@muster/spiffe';
import { parseUnverifiedWitSvid, WitBundle } from '@muster/spiffe/unstable';
import {
  type Certificate,
  parseCertificate,
  readDer,
  readDerAll,
  readDerBitString,
  readDerBoolean,
  readDerChildren,
  readDerOid,
  readDerSmallInteger,
  readDerTime,
} from '@muster/spiffe/wire';
import { mutateDer, mutateJson, type Random, signJwt } from '@muster/testing';
import { AUDIENCE, ID, jwt, readCertificates, readIds, readVectors, rootDer, svid } from './corpus.ts';
import type { FuzzTarget } from './target.ts';

const trustDomain = TrustDomain.parse('example.org');
const root = X509Bundle.fromAuthorities(trustDomain, [rootDer]);
const [leaf, intermediate] = svid.certificates.map((bytes) => Buffer.from(bytes)) as [Buffer, Buffer];

const svidPem = Buffer.from(marshalX509SvidPem(parseX509Svid(svid.chainDer, svid.keyDer)));

const derElements: FuzzTarget = {
  name: 'der',
  corpus: [...readCertificates(), leaf, Buffer.from(svid.keyDer)],
  mutate: mutateDer,
  readers(input) {
    const element = { tag: input[0] ?? 0, contents: input.subarray(1), bytes: input };
    const readers = [readDerOid, readDerBoolean, readDerSmallInteger, readDerBitString, readDerTime];
    return [
      () => readDer(input),
      () => readDerAll(input),
      () => readDerChildren(readDer(input), 0x30),
      ...readers.map((read) => () => read(element)),
    ];
  },
};

const certificates: FuzzTarget = {
  name: 'certificate',
  corpus: [...readCertificates(), leaf, intermediate, Buffer.from(rootDer)],
  mutate: mutateDer,
  readers(input) {
    const read = (use: (certificate: Certificate) => unknown) => (): unknown => use(parseCertificate(input));
    return [
      read((certificate) => certificate.publicKey),
      read((certificate) => certificate.isSubjectEmpty),
      read((certificate) => certificate.isSignedBy(certificate)),
      read((certificate) => certificate.isSignedBy(parseCertificate(rootDer))),
      () => verifyX509Svid([input], root),
      () => verifyX509Svid([input, intermediate], root),
      () => verifyX509Svid([leaf, input], root),
      () => verifyX509Svid([leaf, intermediate], X509Bundle.fromAuthorities(trustDomain, [input])),
    ];
  },
};

const chains: FuzzTarget = {
  name: 'chain',
  corpus: [
    Buffer.from(svid.chainDer),
    Buffer.concat(readCertificates().slice(0, 5)),
    Buffer.from(svid.keyDer),
  ],
  mutate: mutateDer,
  readers(input) {
    return [
      () => parseX509Svid(input, svid.keyDer),
      () => parseX509Svid(svid.chainDer, input),
      () => X509Bundle.fromDer(trustDomain, input),
      () => X509Bundle.fromDer(trustDomain, input, { malformed: 'skip' }),
    ];
  },
};

const pem: FuzzTarget = {
  name: 'pem',
  corpus: [...readVectors('x509'), Buffer.from(root.toPem()), svidPem],
  readers: (input) => [
    () => X509Bundle.fromPem(trustDomain, input.toString('latin1')),
    () => parseX509SvidPem(input),
  ],
};

/** Changes header or claims and signs again, so that what comes behind the signature is reached. */
function mutateToken(input: Buffer, random: Random): Buffer {
  const [header, claims] = input.toString('latin1').split('.');
  const parts = [header, claims].map((part) => parseJson(Buffer.from(part ?? '', 'base64url')));
  const at = random.below(2);
  const [first, second] = parts.map(
    (part, index) => JSON.stringify(index === at ? mutateJson(part, random) : part) ?? '',
  );
  return Buffer.from(signJwt(first ?? '', second ?? '', jwt.keyPair.privateKey));
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return { alg: 'ES256', sub: ID };
  }
}

const tokens: FuzzTarget = {
  name: 'jwt',
  corpus: [
    ...readVectors('jwt'),
    ...[AUDIENCE, [AUDIENCE]].map((audience) => Buffer.from(jwt.issue(ID, audience))),
  ],
  mutate: mutateToken,
  readers(input) {
    const token = input.toString('latin1');
    return [
      () => verifyJwtSvid(token, { bundles: jwt.bundle, audience: AUDIENCE }),
      () => parseUnverifiedJwtSvid(token),
      () => parseUnverifiedWitSvid(token, svid.privateKey),
    ];
  },
};

const documentSet = Buffer.from(`{"trust_domains":{"example.org":${jwt.jwks},"other.org":{"keys":[]}}}`);

function mutateDocument(input: Buffer, random: Random): Buffer {
  return Buffer.from(JSON.stringify(mutateJson(parseJson(input), random)) ?? '');
}

const documents: FuzzTarget = {
  name: 'bundle',
  corpus: [...readVectors('bundle'), Buffer.from(jwt.jwks), documentSet],
  mutate: mutateDocument,
  readers(input) {
    return [
      () => parseSpiffeBundle(trustDomain, input),
      () => parseSpiffeBundle(trustDomain, input.toString('latin1')),
      () => JwtBundle.fromJwks(trustDomain, input),
      () => WitBundle.fromJwks(trustDomain, input),
      () => parseSpiffeBundleSet(input),
    ];
  },
};

const ids: FuzzTarget = {
  name: 'id',
  corpus: readIds(),
  readers(input) {
    const text = input.toString('utf8');
    return [
      () => SpiffeId.parse(text),
      () => SpiffeId.parse(input.toString('latin1')),
      () => TrustDomain.parse(text),
      () => SpiffeId.fromPath(trustDomain, text),
      () => SpiffeId.fromSegments(trustDomain, ...text.split('/').slice(0, 1000)),
    ];
  },
};

/** Faults made on purpose: what finds none of them finds nothing. */
const broken: readonly FuzzTarget[] = [
  {
    name: 'broken-crash',
    corpus: [Buffer.from('a')],
    readers: (input) => [() => input.readUInt32BE(input.length)],
  },
  {
    name: 'broken-hang',
    corpus: [Buffer.from('a')],
    readers: () => [
      (): void => {
        for (;;);
      },
    ],
  },
  {
    name: 'broken-memory',
    corpus: [Buffer.from('a')],
    readers: (input) => [(): Buffer => Buffer.alloc(40 * input.length, 1)],
  },
];

export const readers: readonly FuzzTarget[] = [
  derElements,
  certificates,
  chains,
  pem,
  tokens,
  documents,
  ids,
  ...broken,
];
