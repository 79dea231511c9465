import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createTestCa, createTestClock } from '@muster/testing';
import type { LeafOverrides, TestCa } from '@muster/testing';

import {
  marshalCertificatesPem,
  marshalPrivateKeyPem,
  parseX509Svid,
  X509BundleSet,
} from '../../src/index.ts';
import type { IdentityState, X509Bundle, X509Svid } from '../../src/index.ts';
import { writeAtomically } from '../../src/files/atomic-writer.ts';
import { CSI_DRIVER_FILES } from '../../src/files/layout.ts';
import type { SvidFileNames } from '../../src/files/layout.ts';
import { X509SourceBase } from '../../src/workload-api/x509-source-base.ts';

export const ID = 'spiffe://example.org/workload';
export const ca: TestCa = createTestCa('example.org');

/** An SVID with its files. */
export interface TestIdentity {
  readonly svid: X509Svid;
  readonly bundle: X509Bundle;
  readonly federated?: readonly X509Bundle[];
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

export function createIdentity(
  overrides: LeafOverrides = {},
  id: string = ID,
  issuer: TestCa = ca,
): TestIdentity {
  const issued = issuer.issueX509Svid(id, overrides);
  const svid = parseX509Svid(issued.chainDer, issued.keyDer);
  return {
    svid,
    bundle: issuer.bundle,
    certificate: marshalCertificatesPem(svid),
    key: marshalPrivateKeyPem(svid),
    ca: issuer.bundle.toPem(),
  };
}

export function createDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'spiffe-files-'));
}

/** A sink that was given up may still be writing into it. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

/** Writes the files one after the other, as spiffe-helper does. */
export function writePlain(
  directory: string,
  identity: TestIdentity,
  names: SvidFileNames = CSI_DRIVER_FILES,
): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, names.certificate), identity.certificate);
  writeFileSync(join(directory, names.key), identity.key);
  writeFileSync(join(directory, names.bundle), identity.ca);
}

/** Writes the files as csi-driver-spiffe does. */
export async function writeMount(
  directory: string,
  identity: TestIdentity,
  names: SvidFileNames = CSI_DRIVER_FILES,
): Promise<void> {
  await writeAtomically(
    directory,
    [
      { name: names.certificate, contents: identity.certificate, mode: 0o440 },
      { name: names.key, contents: identity.key, mode: 0o440 },
      { name: names.bundle, contents: identity.ca, mode: 0o440 },
    ],
    { now: Date.now() },
  );
}

/** A source that holds what it is told to. */
export class HeldSource extends X509SourceBase {
  listeners = 0;

  constructor(first: TestIdentity | undefined) {
    // A clock that stands still, so that no timer of it keeps the tests from ending.
    super('held source', createTestClock(Date.now()), undefined, {
      intervalMs: 60_000,
      isAlwaysTicking: false,
    });
    this.give(first);
  }

  give(identity: TestIdentity | undefined): void {
    if (identity === undefined) {
      this.withdraw(undefined, () => {});
    } else {
      const { svid, bundle, federated = [] } = identity;
      this.hold({ svid, svids: [svid], bundles: new X509BundleSet([...federated, bundle]) });
    }
  }

  override onChange(listener: (state: IdentityState) => void): () => void {
    const stop = super.onChange(listener);
    this.listeners += 1;
    let isStopped = false;
    return () => {
      stop();
      this.listeners -= isStopped ? 0 : 1;
      isStopped = true;
    };
  }

  protected override start(): void {}
}

export function createHeldSource(first: TestIdentity | undefined): HeldSource {
  return new HeldSource(first);
}
