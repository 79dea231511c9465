// A short run over what reads foreign bytes, the inside included: nothing but a SpiffeError with a code of the table may come
// out. The long runs, with bounds on time and memory, are in soak/fuzz.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  createRandom,
  createTestCa,
  createTestJwtAuthority,
  mutateBytes,
  mutateDer,
  mutateJson,
} from '@muster/testing';
import type { Random } from '@muster/testing';

import {
  marshalCertificatesPem,
  parseSpiffeBundle,
  parseX509Svid,
  SPIFFE_ERRORS,
  SpiffeBundle,
  SpiffeError,
  SpiffeId,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  X509Bundle,
} from '../../src/index.ts';
import { decodeBase64Url } from '../../src/internal/base64url.ts';
import { parseStrictJsonBytes } from '../../src/internal/json.ts';
import { decodePemBlocks } from '../../src/internal/pem-blocks.ts';
import { decodePem } from '../../src/internal/pem.ts';
import { encodeEcdsaSignature } from '../../src/svid/ecdsa-signature.ts';
import { parseJoseHeader } from '../../src/svid/jose-header.ts';
import { parseClaims } from '../../src/svid/jwt-claims.ts';
import { readDer, readDerAll } from '../../src/wire/der/reader.ts';
import { encodeGrpcFrame, GrpcFrameReader } from '../../src/wire/grpc/framing.ts';
import { decodeGrpcMessage, parseGrpcDetails, parseGrpcStatus } from '../../src/wire/grpc/status.ts';
import { statusMessage } from '../../src/wire/messages/error-info.ts';
import { structCodec } from '../../src/wire/messages/struct.ts';
import { validateJwtSvidResponse, x509SvidResponse } from '../../src/wire/messages/workload-api.ts';
import { parseExtensions } from '../../src/x509/extensions.ts';
import { parseSignatureAlgorithm } from '../../src/x509/signature.ts';

const RUN_MS = 150;
const MIN_INPUTS = 200;
const ID = 'spiffe://example.org/workload';
const AUDIENCE = 'spiffe://example.org/audience';
const td = TrustDomain.parse('example.org');
const ca = createTestCa('example.org');
const svid = ca.createIntermediate().issueX509Svid(ID);
const [leaf, intermediate] = svid.certificates as [Uint8Array, Uint8Array];
const jwt = createTestJwtAuthority('example.org');
const token = jwt.issue(ID, AUDIENCE);
const document = new SpiffeBundle(td, {
  x509Bundle: ca.bundle,
  jwtBundle: jwt.bundle,
  sequence: 1n,
}).toDocument();

type Mutate = (input: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer;

interface Target {
  readonly name: string;
  readonly corpus: readonly (Uint8Array | string)[];
  readonly mutate?: Mutate;
  readonly readers: readonly ((input: Buffer) => unknown)[];
}

const mutateText: Mutate = (input, random) => {
  let value: unknown;
  try {
    value = JSON.parse(input.toString('utf8'));
  } catch {
    value = {};
  }
  return Buffer.from(JSON.stringify(mutateJson(value, random)) ?? '');
};

const targets: readonly Target[] = [
  {
    name: 'DER',
    corpus: [leaf, intermediate, ca.certificate, svid.keyDer],
    mutate: mutateDer,
    readers: [
      readDer,
      readDerAll,
      (input) => parseExtensions(readDer(input)),
      (input) => parseSignatureAlgorithm(readDer(input)),
      (input) => verifyX509Svid([input, intermediate], ca.bundle),
      (input) => verifyX509Svid([leaf, input], ca.bundle),
      (input) => parseX509Svid(input, svid.keyDer),
      (input) => parseX509Svid(svid.chainDer, input),
      (input) => X509Bundle.fromDer(td, input),
      (input) => encodeEcdsaSignature(input, 32),
    ],
  },
  {
    name: 'PEM',
    corpus: [ca.bundle.toPem(), marshalCertificatesPem(parseX509Svid(svid.chainDer, svid.keyDer))],
    readers: [
      (input) => decodePem(input.toString('latin1'), 'CERTIFICATE', 'a file'),
      (input) => decodePemBlocks(input.toString('utf8'), 'a file'),
    ],
  },
  {
    name: 'JSON and bundle documents',
    corpus: [document, jwt.jwks, '{"a":[1,"b",{"c":null}]}'],
    mutate: mutateText,
    readers: [
      parseStrictJsonBytes,
      (input) => parseSpiffeBundle(td, input),
      (input) => parseSpiffeBundle(td, input.toString('latin1')),
      (input) => parseClaims(input.toString('base64url')),
      (input) => parseJoseHeader(input.toString('base64url')),
    ],
  },
  {
    name: 'tokens',
    corpus: [token],
    readers: [
      (input) => verifyJwtSvid(input.toString('latin1'), { bundles: jwt.bundle, audience: AUDIENCE }),
      (input) => decodeBase64Url(input.toString('latin1')),
    ],
  },
  {
    name: 'IDs',
    corpus: [ID, 'spiffe://example.org', 'spiffe://a_b-c.1/...'],
    readers: [
      (input) => SpiffeId.parse(input.toString('utf8')),
      (input) => TrustDomain.parse(input.toString('latin1')),
    ],
  },
  {
    name: 'protocol buffers',
    corpus: [
      x509SvidResponse.encode({
        svids: [{ spiffeId: ID, x509Svid: leaf, x509SvidKey: svid.keyDer, bundle: leaf, hint: 'a' }],
        crl: [leaf],
        federatedBundles: new Map([['spiffe://other.org', leaf]]),
      }),
      validateJwtSvidResponse.encode({ spiffeId: ID, claims: { a: [1, null, { b: 'c' }], d: true } }),
    ],
    readers: [x509SvidResponse, validateJwtSvidResponse, structCodec, statusMessage].map(
      (codec) => (input: Buffer) => codec.decode(input),
    ),
  },
  {
    name: 'gRPC frames and trailers',
    corpus: [Buffer.concat([encodeGrpcFrame(leaf), encodeGrpcFrame(Buffer.alloc(0)), encodeGrpcFrame(leaf)])],
    readers: [
      readFrames,
      (input) => decodeGrpcMessage(input.toString('latin1')),
      (input) => parseGrpcStatus(input.toString('latin1')),
      (input) => parseGrpcDetails(input.toString('latin1')),
    ],
  },
];

/** In chunks of changing size, as they come from a socket. What comes out is never more than went in. */
function readFrames(input: Buffer): void {
  const frames = new GrpcFrameReader(1024);
  let bytes = 0;
  for (let at = 0, size = 1; at < input.length; at += size, size = (size * 7) % 31) {
    for (const message of frames.push(input.subarray(at, at + size))) bytes += message.length + 5;
  }
  assert.ok(bytes <= input.length);
}

function findFault(target: Target, input: Buffer): string | undefined {
  for (const [index, read] of target.readers.entries()) {
    try {
      read(input);
    } catch (error) {
      const isOurs = error instanceof SpiffeError && Object.hasOwn(SPIFFE_ERRORS, error.code);
      if (!isOurs) {
        return `reader ${index} of ${target.name}: ${String(error)}, input ${input.toString('base64')}`;
      }
    }
  }
  return undefined;
}

function fuzz(target: Target, seed: number): number {
  const random = createRandom(seed);
  const corpus = target.corpus.map((item) => Buffer.from(item as Uint8Array));
  const endAt = performance.now() + RUN_MS;
  let inputs = 0;
  for (; inputs < MIN_INPUTS || performance.now() < endAt; inputs += 1) {
    const input = random.pick(corpus);
    const mutate = target.mutate !== undefined && random.oneIn(2) ? target.mutate : mutateBytes;
    assert.equal(
      findFault(target, mutate(input, random, corpus)),
      undefined,
      `seed ${seed}, input ${inputs}`,
    );
  }
  return inputs;
}

for (const target of targets) {
  test(`whatever the bytes, ${target.name}: refused with the own error, or read`, (t) => {
    for (const input of target.corpus) {
      assert.equal(findFault(target, Buffer.from(input as Uint8Array)), undefined);
    }
    const seed = Math.floor(Math.random() * 2 ** 31);
    t.diagnostic(`seed ${seed}: ${fuzz(target, 1)} and ${fuzz(target, seed)} inputs`);
  });
}

test('the same seed gives the same inputs, and they differ from what they are made of', () => {
  const inputs = (seed: number): string[] => {
    const random = createRandom(seed);
    const corpus = [Buffer.from(leaf)];
    return Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? mutateBytes : mutateDer)(corpus[0]!, random, corpus).toString('base64'),
    );
  };
  assert.deepEqual(inputs(7), inputs(7));
  assert.notDeepEqual(inputs(7), inputs(8));
  assert.ok(new Set(inputs(7)).size > 15);
});

test('another error than ours is found', () => {
  const broken: Target = {
    name: 'broken',
    corpus: ['a'],
    readers: [(input) => input.readUInt32BE(input.length), () => 1],
  };
  assert.match(findFault(broken, Buffer.from('a')) ?? '', /reader 0 of broken: RangeError/);
});
