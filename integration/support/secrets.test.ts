import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createNkey, createXkey } from '@muster/lattice';
import { createTestJwtAuthority } from '@muster/testing';
import { assertNothingLeft, leftovers } from './leftovers.ts';
import { descendantsOf } from './processes.ts';
import { scanForSecrets, secretsIn } from './secrets.ts';

const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const token = createTestJwtAuthority('muster.internal').issue('spiffe://muster.internal/a', 'b');

const secrets: readonly (readonly [kind: string, secret: string])[] = [
  ...(['A', 'U', 'N', 'O', 'C'] as const).map(
    (prefix) => ['nkey seed', text(createNkey(prefix).seed())] as const,
  ),
  ['nkey seed', text(createXkey().seed())],
  ['JWT', token],
  ['PEM private key', ec('P-256').export({ format: 'pem', type: 'pkcs8' }) as string],
  ['PEM private key', ec('P-256').export({ format: 'pem', type: 'sec1' }) as string],
  ...['P-256', 'P-384', 'P-521'].flatMap(
    (curve) =>
      [
        ['PKCS #8 EC key', text(ec(curve).export({ format: 'der', type: 'pkcs8' }))],
        ['SEC1 EC key', text(ec(curve).export({ format: 'der', type: 'sec1' }))],
      ] as const,
  ),
  [
    'PKCS #8 RSA key',
    text(
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'der', type: 'pkcs8' }),
    ),
  ],
  [
    'PKCS #8 Ed25519 or X25519 key',
    text(generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })),
  ],
  ['JWK private key', JSON.stringify(ec('P-256').export({ format: 'jwk' }))],
];

test('every kind of secret is seen inside other bytes', () => {
  for (const [kind, secret] of secrets) {
    assert.ok(secretsIn(`\x00 ${secret}\xff`).includes(kind), kind);
  }
});

test('what is public is not taken for a secret', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (const harmless of [
    createNkey('A').publicKey,
    publicKey.export({ format: 'pem', type: 'spki' }) as string,
    text(publicKey.export({ format: 'der', type: 'spki' })),
    JSON.stringify(publicKey.export({ format: 'jwk' })),
    createTestJwtAuthority('muster.internal').jwks,
    'spiffe://muster.internal/lattice/default/host/a',
  ]) {
    assert.deepEqual(secretsIn(harmless), [], harmless);
  }
});

/** A process of this test with a planted environment, argument and descriptor, and its folder. */
async function plant(
  context: TestContext,
  value: string,
): Promise<{ folder: string; kill: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-scan-'));
  const unlinked = join(folder, 'gone');
  writeFileSync(unlinked, value);
  const descriptor = openSync(unlinked, 'r');
  unlinkSync(unlinked);
  writeFileSync(join(folder, 'kept'), value);
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)', value], {
    cwd: folder,
    env: { PLANTED: value },
    stdio: ['ignore', 'pipe', 'ignore', descriptor],
  });
  closeSync(descriptor);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  context.after(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { folder, kill };
}

test('a secret is found in environment, argv, an unlinked open file and a folder', async (context) => {
  const { folder, kill } = await plant(context, text(createNkey('U').seed()));
  const processes = descendantsOf(process.pid);
  const { findings } = scanForSecrets(processes, [folder]);
  assert.deepEqual(findings.map(({ where, kind }) => `${where}: ${kind}`).toSorted(), [
    'argv: nkey seed',
    'descriptor: nkey seed',
    'environment: nkey seed',
    'file: nkey seed',
  ]);
  await kill();
});

test('what a lattice leaves behind is told: process, file and listener', async (context) => {
  const { folder, kill } = await plant(context, 'nothing');
  const processes = descendantsOf(process.pid);
  const before = leftovers({ folders: [folder], processes });
  assert.deepEqual(
    before.map((line) => line.split(' ')[0]),
    ['process', 'file', 'process'],
  );
  await kill();
  rmSync(folder, { recursive: true });
  await assertNothingLeft({ folders: [folder], processes });
});
