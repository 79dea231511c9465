// Random bundle documents and IDs.
import { createRandom, mutateBytes, mutateJson } from '@muster/testing';
import * as fc from 'fast-check';
import { makeBundleVectors } from '../vectors/make-bundles.ts';
import { makeIdVectors } from '../vectors/make-ids.ts';
import { TRUST_DOMAIN } from '../vectors/vector.ts';
import type { BundleCase, IdCase } from './judge.ts';

const documents = makeBundleVectors().vectors.map(({ contents }) => Buffer.from(contents ?? ''));

export const randomBundle: fc.Arbitrary<BundleCase> = fc
  .record({
    document: fc.constantFrom(...documents),
    how: fc.constantFrom('value', 'value', 'value', 'text', 'both'),
    seed: fc.nat(),
  })
  .map(({ document, how, seed }) => {
    const random = createRandom(seed);
    let bytes: Buffer = document;
    if (how !== 'text') bytes = mutateValue(bytes, seed);
    if (how !== 'value') bytes = mutateBytes(bytes, random, documents);
    return { kind: 'bundle', trustDomain: TRUST_DOMAIN, document: bytes };
  });

function mutateValue(bytes: Buffer, seed: number): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return bytes;
  }
  return Buffer.from(JSON.stringify(mutateJson(value, createRandom(seed))) ?? '');
}

const ids = makeIdVectors().vectors.flatMap(({ vector }) =>
  vector.kind === 'id' ? [Buffer.from(vector.text)] : [],
);
const character = fc.constantFrom(...Array.from('aZ0.-_/:%@?#[]!~ \n\0ä\u0430\u{1f600}A'));

export const randomId: fc.Arbitrary<IdCase> = fc
  .oneof(
    fc
      .record({ id: fc.constantFrom(...ids), seed: fc.nat() })
      .map(({ id, seed }) => mutateBytes(id, createRandom(seed), ids).toString('utf8')),
    fc.array(character, { maxLength: 12 }).map((list) => `spiffe://${list.join('')}`),
    fc
      .tuple(fc.constantFrom('a', 'example.org', ''), fc.array(character, { maxLength: 8 }))
      .map(([name, list]) => `spiffe://${name}/${list.join('')}`),
    fc.string({ unit: 'binary' }),
  )
  .map((text) => ({ kind: 'id', text }));
