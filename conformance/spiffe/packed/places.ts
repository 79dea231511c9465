// What stands around a program of the README in a test: a Workload API, files, and the endpoint of a partner.
import { createBundleHandler, marshalSpiffeBundle, TrustDomain } from '@muster/spiffe';
import { jwtBundlesResponse, x509BundlesResponse, x509SvidResponse } from '@muster/spiffe/wire';
import {
  createTestCa,
  createTestJwtAuthority,
  type FakeWorkloadApi,
  startFakeWorkloadApi,
  type TestCa,
  type TestJwtAuthority,
} from '@muster/testing';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A trust domain and the Workload APIs that hand out its identities. */
export class TestDomain implements AsyncDisposable {
  readonly ca: TestCa;
  readonly jwt: TestJwtAuthority;
  readonly #apis: FakeWorkloadApi[] = [];

  constructor(trustDomain: string) {
    this.ca = createTestCa(trustDomain);
    this.jwt = createTestJwtAuthority(trustDomain);
  }

  /** Starts a Workload API whose caller is `id`. Tokens are signed by `signer`. The chain of the SVID has an intermediate. */
  async startApi(
    id: string,
    options: { readonly signer?: TestJwtAuthority; readonly federatesWith?: readonly TestCa[] } = {},
  ): Promise<FakeWorkloadApi> {
    const { signer = this.jwt, federatesWith = [] } = options;
    const api = await startFakeWorkloadApi();
    this.#apis.push(api);
    const { chainDer, keyDer } = this.ca.createIntermediate().issueX509Svid(id);
    const bundle = this.ca.certificate;
    api.send(
      'FetchX509SVID',
      x509SvidResponse.encode({
        svids: [{ spiffeId: id, x509Svid: chainDer, x509SvidKey: keyDer, bundle, hint: '' }],
        crl: [],
        federatedBundles: new Map(federatesWith.map((ca) => [ca.trustDomain.id, ca.certificate])),
      }),
    );
    const { id: key } = this.ca.trustDomain;
    api.send('FetchX509Bundles', x509BundlesResponse.encode({ crl: [], bundles: new Map([[key, bundle]]) }));
    const jwks = Buffer.from(this.jwt.jwks);
    api.send('FetchJWTBundles', jwtBundlesResponse.encode({ bundles: new Map([[key, jwks]]) }));
    api.onFetchJwtSvid(({ audience }) => ({
      svids: [{ spiffeId: id, svid: signer.issue(id, audience), hint: '' }],
    }));
    return api;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const api of this.#apis) await api.stop();
  }
}

/** Writes an SVID and its bundle in the layout of csi-driver-spiffe. */
export function writeSvid(folder: string, ca: TestCa, id: string): void {
  mkdirSync(folder, { recursive: true });
  const { certificates, keyDer } = ca.issueX509Svid(id);
  writeFileSync(join(folder, 'tls.crt'), certificates.map((one) => toPem('CERTIFICATE', one)).join(''));
  writeFileSync(join(folder, 'tls.key'), toPem('PRIVATE KEY', keyDer));
  writeFileSync(join(folder, 'ca.crt'), toPem('CERTIFICATE', ca.certificate));
}

/** Writes a certificate for `localhost`, as a public authority would sign it, and returns that authority's. */
export function writeWebCertificate(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const web = createTestCa('web.example');
  const { certificates, keyDer } = web.issueX509Svid('spiffe://web.example/server', {
    dnsNames: ['localhost'],
  });
  writeFileSync(join(folder, 'tls.crt'), certificates.map((one) => toPem('CERTIFICATE', one)).join(''));
  writeFileSync(join(folder, 'tls.key'), toPem('PRIVATE KEY', keyDer));
  const authority = join(folder, 'web-authority.crt');
  writeFileSync(authority, toPem('CERTIFICATE', web.certificate));
  return authority;
}

/** The document of a trust domain's bundle. */
export function bundleDocument({ ca, jwt }: TestDomain, sequence: bigint): string {
  const jwtAuthorities = [{ keyId: jwt.keyId, publicKey: jwt.keyPair.publicKey }];
  return marshalSpiffeBundle({ x509Authorities: [ca.certificate], jwtAuthorities, sequence });
}

/** Serves a bundle document over https at `localhost`. */
export async function servePartner(
  domain: TestDomain,
  sequence: bigint,
  web: { readonly cert: Buffer; readonly key: Buffer },
): Promise<AsyncDisposable & { readonly url: string }> {
  const { ca, jwt } = domain;
  const contents = {
    trustDomain: TrustDomain.parse(ca.trustDomain.name),
    x509Authorities: [ca.certificate],
    jwtAuthorities: [{ keyId: jwt.keyId, publicKey: jwt.keyPair.publicKey }],
    sequence,
  };
  const server = createServer(web, createBundleHandler({ getBundle: () => contents }));
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    url: `https://localhost:${String((server.address() as AddressInfo).port)}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function toPem(label: string, bytes: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${label}-----\n`;
}
