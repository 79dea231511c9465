// Good and bad inputs to begin with: the vectors, and things with private keys that are made anew for each run.
import { createTestCa, createTestJwtAuthority, type TestX509Svid } from '@muster/testing';
import { readdirSync, readFileSync } from 'node:fs';

const vectors = new URL('../../conformance/spiffe/vectors/', import.meta.url);

/** Contents of all vectors of a kind. */
export function readVectors(kind: 'x509' | 'jwt' | 'bundle'): Buffer[] {
  const folder = new URL(`${kind}/`, vectors);
  return readdirSync(folder).map((name) => readFileSync(new URL(name, folder)));
}

/** The IDs of the index. */
export function readIds(): Buffer[] {
  const { vectors: rows } = JSON.parse(readFileSync(new URL('index.json', vectors), 'utf8')) as {
    vectors: { kind: string; text?: string }[];
  };
  return rows.flatMap(({ kind, text }) => (kind === 'id' && text !== undefined ? [Buffer.from(text)] : []));
}

/** The certificates of all PEM vectors in DER, each one once. */
export function readCertificates(): Buffer[] {
  const found = new Set<string>();
  for (const pem of readVectors('x509')) {
    for (const [, body] of pem.toString().matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END/g))
      found.add(body ?? '');
  }
  return [...found].map((body) => Buffer.from(body, 'base64'));
}

export const ID = 'spiffe://example.org/workload';
export const AUDIENCE = 'spiffe://example.org/audience';
const authority = createTestCa('example.org');
const below = authority.createIntermediate();
export const svid: TestX509Svid = below.issueX509Svid(ID);
export const rootDer: Uint8Array = authority.certificate;
export const jwt: ReturnType<typeof createTestJwtAuthority> = createTestJwtAuthority('example.org');
