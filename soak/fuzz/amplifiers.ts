// Inputs made to take far more memory or time than their own size: many tiny parts, deep nesting, long runs of one thing.
import { der } from '@muster/spiffe/wire';
import {
  basicConstraintsExtension,
  buildCertificate,
  distinguishedName,
  extension,
  generateEcKeyPair,
  nameConstraintsExtension,
  subjectAltNameExtension,
} from '@muster/testing';
import { AUDIENCE, ID, rootDer, svid } from './corpus.ts';
import type { FuzzTargetName } from './fuzz.ts';

export interface Amplifier {
  readonly name: string;
  /** An input of about this many bytes. */
  readonly build: (size: number) => Buffer;
}

const repeat = (part: Uint8Array | string, size: number, before = '', after = ''): Buffer => {
  const bytes = Buffer.from(part as Uint8Array);
  const count = Math.max(1, Math.floor(size / bytes.length));
  return Buffer.concat([Buffer.from(before), Buffer.alloc(count * bytes.length, bytes), Buffer.from(after)]);
};

const sequenceOf = (part: Uint8Array, size: number): Buffer => Buffer.from(der.sequence(repeat(part, size)));

/** Each sequence holds the next one. Written from the outside, since copying each into the next takes long. */
const nestedDer = (size: number): Buffer => {
  const bytes = Buffer.alloc(size - (size % 5));
  for (let at = 0; at < bytes.length; at += 5) {
    bytes[at] = 0x30;
    bytes[at + 1] = 0x83;
    bytes.writeUIntBE(bytes.length - at - 5, at + 2, 3);
  }
  return bytes;
};

const keyPair = generateEcKeyPair();
// A certificate has at most 64 KiB; a larger one is refused by its size.
const BIGGEST = 63 * 1024;
const fitting = (amplifiers: readonly Amplifier[]): Amplifier[] =>
  amplifiers.map(({ name, build }) => ({ name, build: (size) => build(Math.min(size, BIGGEST)) }));
const certificateWith = (...extensions: readonly Uint8Array[]): Buffer =>
  Buffer.from(
    buildCertificate({
      subject: distinguishedName({ commonName: 'a' }),
      issuer: distinguishedName({ commonName: 'a' }),
      publicKey: keyPair.publicKey,
      signingKey: keyPair.privateKey,
      notBeforeAt: 0,
      expiresAt: Date.UTC(2090, 0, 1),
      extensions,
    }),
  );
const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));

const derAmplifiers: readonly Amplifier[] = [
  { name: 'empty sequences', build: (size) => sequenceOf(Buffer.of(0x30, 0), size) },
  { name: 'empty sequences side by side', build: (size) => repeat(Buffer.of(0x30, 0), size) },
  { name: 'nested sequences', build: nestedDer },
  {
    name: 'one long object identifier',
    build: (size) => Buffer.from(der.element(0x06, Buffer.alloc(size, 1))),
  },
  { name: 'one long integer', build: (size) => Buffer.from(der.element(0x02, Buffer.alloc(size, 1))) },
];

const certificateAmplifiers: readonly Amplifier[] = [
  ...derAmplifiers,
  ...fitting([
    {
      name: 'many names',
      build: (size) =>
        certificateWith(subjectAltNameExtension({ uris: many(Math.ceil(size / 3), () => 'a') })),
    },
    {
      name: 'many extensions',
      build: (size) =>
        certificateWith(...many(Math.ceil(size / 12), (index) => extension(`1.2.${index}`, der.null()))),
    },
    {
      name: 'many constraints',
      build: (size) =>
        certificateWith(
          basicConstraintsExtension(true),
          nameConstraintsExtension({ permittedUris: many(Math.ceil(size / 5), () => '.') }),
        ),
    },
    {
      name: 'a long name',
      build: (size) => certificateWith(subjectAltNameExtension({ uris: [`spiffe://a/${'a'.repeat(size)}`] })),
    },
  ]),
];

const chainAmplifiers: readonly Amplifier[] = [
  ...derAmplifiers,
  { name: 'one authority again and again', build: (size) => repeat(rootDer, size) },
  { name: 'a chain again and again', build: (size) => repeat(svid.chainDer, size) },
];

const block = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
const pemAmplifiers: readonly Amplifier[] = [
  { name: 'line breaks', build: (size) => repeat('\n', size) },
  { name: 'carriage returns and line breaks', build: (size) => repeat('\r\n', size) },
  { name: 'small blocks', build: (size) => repeat(block('AAAA'), size) },
  { name: 'one block of short lines', build: (size) => Buffer.from(block('AAAA\n'.repeat(size / 5))) },
  { name: 'one block of one line', build: (size) => Buffer.from(block('A'.repeat(size - (size % 4)))) },
  { name: 'one block of spaces', build: (size) => Buffer.from(block(' '.repeat(size))) },
  { name: 'marks that begin', build: (size) => repeat('-----BEGIN CERTIFICATE-----\n', size) },
  { name: 'text before a block', build: (size) => Buffer.from('a'.repeat(size) + block('AAAA')) },
];

const jsonAmplifiers: readonly Amplifier[] = [
  { name: 'empty objects', build: (size) => repeat('{},', size, '{"keys":[', '{}]}') },
  { name: 'empty lists', build: (size) => repeat('[],', size, '{"keys":[', '[]]}') },
  { name: 'small numbers', build: (size) => repeat('1,', size, '{"keys":[', '1]}') },
  { name: 'fractions', build: (size) => repeat('.1,'.replace('.', '0.'), size, '{"keys":[', '1]}') },
  { name: 'empty texts', build: (size) => repeat('"",', size, '{"keys":[', '""]}') },
  { name: 'objects with a member', build: (size) => repeat('{"a":1},', size, '{"keys":[', '{}]}') },
  { name: 'lists in a list beside', build: (size) => repeat('[],', size, '{"keys":[],"a":[', '[]]}') },
  {
    name: 'members',
    build: (size) => Buffer.from(`{"keys":[],${many(size / 8, (index) => `"${index}":1`).join(',')}}`),
  },
  {
    name: 'nested lists',
    build: (size) => Buffer.from(`{"keys":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`),
  },
  { name: 'nested lists that do not end', build: (size) => Buffer.from(`{"keys":${'['.repeat(size)}`) },
  {
    name: 'nested objects',
    build: (size) => Buffer.from(`{"keys":${'{"a":'.repeat(size / 6)}1${'}'.repeat(size / 6)}}`),
  },
  { name: 'one long text', build: (size) => Buffer.from(`{"keys":["${'a'.repeat(size)}"]}`) },
  {
    name: 'one long text of escapes',
    build: (size) => Buffer.from(`{"keys":["${'\\u0061'.repeat(size / 6)}"]}`),
  },
  {
    name: 'one long name of escapes',
    build: (size) => Buffer.from(`{"keys":[],"${'\\u0061'.repeat(size / 6)}":1}`),
  },
  {
    name: 'one long number',
    build: (size) => Buffer.from(`{"keys":[],"spiffe_sequence":${'1'.repeat(size)}}`),
  },
  {
    name: 'long x5c',
    build: (size) => Buffer.from(`{"keys":[{"use":"x509-svid","x5c":["${'A'.repeat(size - (size % 4))}"]}]}`),
  },
  {
    name: 'long n',
    build: (size) =>
      Buffer.from(`{"keys":[{"use":"jwt-svid","kid":"a","kty":"RSA","e":"AQAB","n":"${'A'.repeat(size)}"}]}`),
  },
  { name: 'white space', build: (size) => Buffer.from(`{"keys":[${' '.repeat(size)}]}`) },
  {
    name: 'not UTF-8',
    build: (size) => Buffer.concat([Buffer.from('{"keys":["'), Buffer.alloc(size, 0xc3), Buffer.from('"]}')]),
  },
  { name: 'two bytes a character', build: (size) => Buffer.from(`{"keys":["${'ä'.repeat(size / 2)}"]}`) },
];

const base64url = (bytes: Buffer | string): string => Buffer.from(bytes as Buffer).toString('base64url');
const header = base64url('{"alg":"ES256"}');
const tokenAmplifiers: readonly Amplifier[] = [
  { name: 'dots', build: (size) => repeat('.', size) },
  { name: 'a long header', build: (size) => Buffer.from(`${'A'.repeat(size)}.A.A`) },
  { name: 'long claims', build: (size) => Buffer.from(`${header}.${'A'.repeat(size)}.A`) },
  { name: 'a long signature', build: (size) => Buffer.from(`${header}.e30.${'A'.repeat(size)}`) },
  ...jsonAmplifiers.map(({ name, build }): Amplifier => ({
    name: `claims: ${name}`,
    build: (size) => Buffer.from(`${header}.${base64url(build(size * 0.7))}.AAAA`),
  })),
  {
    name: 'claims: audiences',
    build: (size) =>
      Buffer.from(
        `${header}.${base64url(`{"sub":"${ID}","exp":9e9,"aud":[${'"a",'.repeat(size / 6)}"${AUDIENCE}"]}`)}.AAAA`,
      ),
  },
];

/** A field of a length-delimited value around what is given. */
const field = (number: number, contents: Uint8Array): Buffer => {
  const length: number[] = [];
  for (let rest = contents.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), contents]);
};

const nestField = (number: number, size: number): Buffer => {
  let inner: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 300 && inner.length < size; depth += 1) inner = field(number, inner);
  return inner;
};

const protobufAmplifiers: readonly Amplifier[] = [
  ...many(6, (index): Amplifier => ({
    name: `empty fields ${index + 1}`,
    build: (size) => repeat(field(index + 1, Buffer.alloc(0)), size),
  })),
  ...many(3, (index): Amplifier => ({
    name: `messages of empty fields ${index + 1}`,
    build: (size) => repeat(field(index + 1, repeat(field(1, Buffer.alloc(0)), 256)), size),
  })),
  ...many(3, (index): Amplifier => ({
    name: `struct of lists ${index + 1}`,
    build: (size) =>
      field(2, repeat(field(1, field(2, field(6, repeat(field(1, Buffer.alloc(0)), 100)))), size)),
  })).slice(0, 1),
  { name: 'struct of empty members', build: (size) => field(2, repeat(field(1, Buffer.alloc(0)), size)) },
  { name: 'nested 1', build: (size) => nestField(1, size) },
  { name: 'nested structs', build: (size) => field(2, nestStruct(size)) },
  { name: 'unknown numbers', build: (size) => repeat(Buffer.of(0xf8, 0x07, 0), size) },
  { name: 'one long value', build: (size) => field(1, field(2, Buffer.alloc(size))) },
  { name: 'one long text', build: (size) => field(1, field(1, Buffer.alloc(size, 0x61))) },
];

function nestStruct(size: number): Buffer {
  let inner: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 300 && inner.length < size; depth += 1)
    inner = field(1, field(2, field(5, inner)));
  return inner;
}

export const amplifiers: Readonly<Record<FuzzTargetName, readonly Amplifier[]>> = {
  der: derAmplifiers,
  certificate: certificateAmplifiers,
  chain: chainAmplifiers,
  pem: pemAmplifiers,
  jwt: tokenAmplifiers,
  bundle: jsonAmplifiers,
  id: [
    { name: 'a long path', build: (size) => Buffer.from(`spiffe://a/${'a'.repeat(size)}`) },
    { name: 'many segments', build: (size) => Buffer.from(`spiffe://a${'/a'.repeat(size / 2)}`) },
    { name: 'slashes', build: (size) => repeat('/', size) },
    { name: 'two bytes a character', build: (size) => Buffer.from('ä'.repeat(size / 2)) },
  ],
  protobuf: protobufAmplifiers,
  grpc: [],
  'broken-crash': [],
  'broken-hang': [],
  'broken-memory': [{ name: 'anything', build: (size) => Buffer.alloc(size) }],
};
