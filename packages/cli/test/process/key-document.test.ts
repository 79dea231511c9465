import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createNkey, createXkey } from '@muster/lattice';
import { createDevKeys } from '../../src/commands/dev/keys.ts';
import { readKeyDocument } from '../../src/process/key-document.ts';

function openWith(t: TestContext, content: string | Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'keys'), content);
  return openSync(join(folder, 'keys'), 'r');
}

describe('readKeyDocument', () => {
  it('reads the document that muster dev writes', (t) => {
    const keys = createDevKeys();
    t.after(() => keys.wipe());
    const document = keys.calloutDocument();
    const seeds = readKeyDocument(openWith(t, document), ['issuerSeed', 'xkeySeed', 'userSeed']);
    const prefixes = Object.values(seeds).map((seed) => Buffer.from(seed).toString('latin1').slice(0, 2));
    assert.deepEqual(prefixes, ['SA', 'SX', 'SU']);
  });

  it('closes the descriptor', (t) => {
    const descriptor = openWith(t, '{"userSeed":"SUAAAAAAAAAAAAAA"}');
    readKeyDocument(descriptor, ['userSeed']);
    assert.throws(() => readKeyDocument(descriptor, ['userSeed']), { code: 'ERR_KEY_DOCUMENT' });
  });

  const seed = Buffer.from(createNkey('A').seed()).toString('latin1');
  for (const [what, text] of [
    ['no JSON', seed],
    ['an array', `["${seed}"]`],
    ['a missing seed', `{"otherSeed":"${seed}"}`],
    ['a seed that is none', `{"issuerSeed":"x${seed}"}`],
    ['a seed that is no text', '{"issuerSeed":17}'],
    ['nothing', ''],
    ['too much', `{"issuerSeed":"${seed}"}${' '.repeat(20_000)}`],
  ] as const) {
    it(`refuses ${what} without repeating it`, (t) => {
      assert.throws(
        () => readKeyDocument(openWith(t, text), ['issuerSeed']),
        (error: Error & { code?: string }) =>
          error.code === 'ERR_KEY_DOCUMENT' && !error.stack?.includes(seed.slice(5, 20)),
      );
    });
  }
});

describe('createDevKeys', () => {
  it('makes new keys each time and hands out equal documents', () => {
    const keys = createDevKeys();
    assert.deepEqual(keys.calloutDocument(), keys.calloutDocument());
    assert.notEqual(keys.issuer, createDevKeys().issuer);
    keys.wipe();
    assert.throws(() => keys.calloutDocument());
  });

  it('names public keys only', () => {
    const { issuer, xkey, calloutUser, systemUser } = createDevKeys();
    assert.match([issuer, xkey, calloutUser, systemUser].map(([first]) => first).join(''), /^AXUU$/);
    assert.match(createXkey().publicKey, /^X/);
  });
});
