import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { isSpiffeError } from '../../../src/index.ts';
import {
  emptyMessage,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  ProtobufReader,
  ProtobufWriter,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  x509BundlesResponse,
  x509SvidResponse,
} from '../../../src/wire/index.ts';
import type { MessageCodec } from '../../../src/wire/index.ts';

const text = fc.string({ unit: 'grapheme' });
const bytes = fc.uint8Array({ maxLength: 50 });
const bytesMap = fc.array(fc.tuple(text, bytes)).map((entries) => new Map(entries));
const selector = fc.record({ type: text, value: text });
const spiffeId = fc.option(fc.record({ trustDomain: text, path: text }), { nil: undefined });
const seconds = fc.integer({ min: -1, max: 2 ** 40 });
const pid = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

function pair<T>(
  name: string,
  codec: MessageCodec<T>,
  values: fc.Arbitrary<T>,
): [string, MessageCodec<unknown>, fc.Arbitrary<unknown>] {
  return [name, codec, values];
}

const codecs = [
  pair('Empty', emptyMessage, fc.constant({})),
  pair(
    'X509SVIDResponse',
    x509SvidResponse,
    fc.record({
      svids: fc.array(
        fc.record({ spiffeId: text, x509Svid: bytes, x509SvidKey: bytes, bundle: bytes, hint: text }),
      ),
      crl: fc.array(bytes),
      federatedBundles: bytesMap,
    }),
  ),
  pair('X509BundlesResponse', x509BundlesResponse, fc.record({ crl: fc.array(bytes), bundles: bytesMap })),
  pair('JWTSVIDRequest', jwtSvidRequest, fc.record({ audience: fc.array(text), spiffeId: text })),
  pair(
    'JWTSVIDResponse',
    jwtSvidResponse,
    fc.record({ svids: fc.array(fc.record({ spiffeId: text, svid: text, hint: text })) }),
  ),
  pair('JWTBundlesResponse', jwtBundlesResponse, fc.record({ bundles: bytesMap })),
  pair('ValidateJWTSVIDRequest', validateJwtSvidRequest, fc.record({ audience: text, svid: text })),
  pair(
    'SubscribeToX509SVIDsRequest',
    subscribeToX509SvidsRequest,
    fc.record({ selectors: fc.array(selector), pid }),
  ),
  pair(
    'SubscribeToX509SVIDsResponse',
    subscribeToX509SvidsResponse,
    fc.record({
      x509Svids: fc.array(
        fc.record({
          x509Svid: fc.option(
            fc.record({ certChain: fc.array(bytes), id: spiffeId, expiresAt: seconds, hint: text }),
            {
              nil: undefined,
            },
          ),
          x509SvidKey: bytes,
        }),
      ),
      federatesWith: fc.array(text),
    }),
  ),
  pair(
    'SubscribeToX509BundlesResponse',
    subscribeToX509BundlesResponse,
    fc.record({ caCertificates: bytesMap }),
  ),
  pair(
    'FetchJWTSVIDsRequest',
    fetchJwtSvidsRequest,
    fc.record({ audience: fc.array(text), selectors: fc.array(selector), pid }),
  ),
  pair(
    'FetchJWTSVIDsResponse',
    fetchJwtSvidsResponse,
    fc.record({
      svids: fc.array(
        fc.record({ token: text, id: spiffeId, expiresAt: seconds, issuedAt: seconds, hint: text }),
      ),
    }),
  ),
  pair('SubscribeToJWTBundlesResponse', subscribeToJwtBundlesResponse, fc.record({ bundles: bytesMap })),
];

for (const [name, codec, values] of codecs) {
  test(`${name} comes back as it went`, () => {
    fc.assert(
      fc.property(values, (value) => {
        assert.deepEqual(plain(codec.decode(codec.encode(value))), plain(value));
      }),
      { numRuns: 50 },
    );
  });

  test(`${name} refuses broken bytes with its own error, or reads them`, () => {
    const broken = fc
      .tuple(values, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat())
      .map(([value, position, byte, cut]) => {
        const encoded = Uint8Array.from(codec.encode(value));
        if (encoded.length > 0) {
          encoded[position % encoded.length] = byte;
        }
        return encoded.subarray(0, cut % 4 === 0 ? cut % (encoded.length + 1) : encoded.length);
      });
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 100 })), (input) => {
        try {
          codec.decode(input);
        } catch (error) {
          assert.ok(isSpiffeError(error) && error.code.startsWith('ERR_PROTOBUF_'), String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
}

/** Bytes compare by content, whether they are a Buffer or not. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return [...value];
  }
  if (value instanceof Map) {
    return new Map([...(value as Map<string, unknown>)].map(([key, entry]) => [key, plain(entry)]));
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
  }
  return value;
}

test('the bytes are those of the format', () => {
  const encoded = jwtSvidRequest.encode({ audience: ['a', 'bc'], spiffeId: 'spiffe://td/x' });
  assert.equal(
    Buffer.from(encoded).toString('hex'),
    `0a01610a026263120d${Buffer.from('spiffe://td/x').toString('hex')}`,
  );
  const delegated = fetchJwtSvidsRequest.encode({
    audience: ['a'],
    selectors: [{ type: 'wasm', value: 'x' }],
    pid: -1,
  });
  assert.equal(Buffer.from(delegated).toString('hex'), '0a016112090a047761736d12017818ffffffffffffffffff01');
});

test('a struct holds any JSON object', () => {
  const claims = {
    sub: 'spiffe://td/x',
    aud: ['a', 'b'],
    exp: 1.5,
    nested: { list: [null, true, false, { deep: [] }], text: 'ü' },
    nothing: null,
    __proto__x: 1,
  };
  const decoded = validateJwtSvidResponse.decode(
    validateJwtSvidResponse.encode({ spiffeId: 'spiffe://td/x', claims }),
  );
  assert.deepEqual(decoded, { spiffeId: 'spiffe://td/x', claims });
});

test('a struct member named __proto__ is a plain member', () => {
  const claims = JSON.parse('{"__proto__":{"admin":true}}') as Record<string, unknown>;
  const decoded = validateJwtSvidResponse.decode(validateJwtSvidResponse.encode({ spiffeId: '', claims }));
  assert.equal((decoded.claims as { admin?: boolean }).admin, undefined);
  assert.deepEqual(Object.keys(decoded.claims), ['__proto__']);
});

test('A17 a struct that nests without end is refused', () => {
  let value = new ProtobufWriter().tag(1, 0).integer(0).finish();
  for (let depth = 0; depth < 10_000; depth += 1) {
    const list = new ProtobufWriter().bytesField(1, value).finish();
    value = new ProtobufWriter().bytesField(6, list).finish();
    if (value.length > 60_000) {
      break;
    }
  }
  const entry = new ProtobufWriter().tag(1, 2).string('a').bytesField(2, value).finish();
  const message = new ProtobufWriter()
    .bytesField(2, new ProtobufWriter().bytesField(1, entry).finish())
    .finish();
  assert.throws(() => validateJwtSvidResponse.decode(message), { code: 'ERR_PROTOBUF_LIMIT' });
});

test('A17 a message of very many fields is refused', () => {
  assert.throws(() => jwtSvidRequest.decode(Buffer.from('0a00'.repeat(20_001), 'hex')), {
    code: 'ERR_PROTOBUF_LIMIT',
  });
  assert.equal(jwtSvidRequest.decode(Buffer.from('0a00'.repeat(20_000), 'hex')).audience.length, 20_000);
});

const malformed: [string, string][] = [
  ['ends in a tag', '80'],
  ['field number 0', '0000'],
  ['field longer than the message', '0a05aa'],
  ['length near 2^64', '0affffffffffffffffff01'],
  ['varint of 11 bytes', '08ffffffffffffffffffff01'],
  ['varint of 65 bits', '08ffffffffffffffffff02'],
  ['group', '0b'],
  ['wire type 6', '0e'],
  ['wrong wire type of a known field', '0800'],
  ['string that is not UTF-8', '1202c328'],
  ['surrogate in UTF-8', '1203eda080'],
];
for (const [name, hex] of malformed) {
  test(`refuses: ${name}`, () => {
    assert.throws(() => jwtSvidRequest.decode(Buffer.from(hex, 'hex')), { code: 'ERR_PROTOBUF_MALFORMED' });
  });
}

test('unknown fields of every accepted wire type are passed over', () => {
  const unknown = ['a006ffffffffffffffffff01', 'a1060102030405060708', 'a20603010203', 'a50601020304'].join(
    '',
  );
  const decoded = jwtSvidRequest.decode(Buffer.from(`${unknown}0a0161${unknown}`, 'hex'));
  assert.deepEqual(decoded, { audience: ['a'], spiffeId: '' });
});

test('integers come back over the whole safe range', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.equal(new ProtobufReader(new ProtobufWriter().integer(value).finish()).int64(), value);
    }),
  );
  const tooLarge = Buffer.from('80808080808080808001', 'hex');
  assert.throws(() => new ProtobufReader(tooLarge).int64(), { code: 'ERR_PROTOBUF_MALFORMED' });
});
