import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { startFakeWorkloadApi } from '@muster/testing';

import { marshalWitBundle, verifyWitRequest, WitApiClient } from '../../../src/unstable/index.ts';
import { createReplayCache, createWitHeaders, readWitHeaders } from '../../../src/unstable/index.ts';
import {
  createGrpcServer,
  GRPC_STATUS,
  GrpcStatusError,
  witBundlesResponse,
  witSvidRequest,
  witSvidResponse,
  WORKLOAD_API_HEADER,
  WORKLOAD_API_SERVICE,
} from '../../../src/wire/index.ts';
import type { WitSvidMessage } from '../../../src/wire/index.ts';
import { FAST_RETRY, until } from '../../workload-api/support.ts';
import { AUDIENCE, createWitWorld, hasCode, NOW, SUBJECT, trustDomain } from './support.ts';

const world = createWitWorld((token) => createHash('sha256').update(token).digest('base64url'));
const key = JSON.stringify(world.workload.privateKey.export({ format: 'jwk' }));
const good: WitSvidMessage = { spiffeId: SUBJECT, witSvid: world.issue(), witSvidKey: key, hint: 'internal' };
const jwks = marshalWitBundle([{ keyId: 'wit-1', publicKey: world.issuer.publicKey }]);

/** A Workload API whose WIT streams answer once and stay open. */
async function withEndpoint(
  answer: (spiffeId: string) => readonly WitSvidMessage[],
  run: (client: WitApiClient) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'spiffe-wit-'));
  const path = join(folder, 'api.sock');
  const stay = async (signal: AbortSignal): Promise<void> => {
    if (!signal.aborted) {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
    }
  };
  {
    await using server = createGrpcServer({
      services: {
        [WORKLOAD_API_SERVICE]: {
          securityHeader: WORKLOAD_API_HEADER,
          methods: {
            FetchWITSVID: {
              kind: 'serverStream',
              async *handle(request, call) {
                yield witSvidResponse.encode({ svids: answer(witSvidRequest.decode(request).spiffeId) });
                await stay(call.signal);
              },
            },
            FetchWITBundles: {
              kind: 'serverStream',
              async *handle(_request, call) {
                yield witBundlesResponse.encode({ bundles: new Map([[trustDomain.id, Buffer.from(jwks)]]) });
                await stay(call.signal);
              },
            },
          },
        },
      },
    });
    await server.listen(path);
    await using client = new WitApiClient({ address: `unix://${path}`, retry: FAST_RETRY });
    await run(client);
  }
  rmSync(folder, { recursive: true });
}

test('WIT-SVIDs and bundles come from the Workload API, and are of use', async () => {
  await withEndpoint(
    () => [good],
    async (client) => {
      const [svid] = await client.fetchWitSvids();
      assert.equal(svid?.hint, 'internal');
      const bundles = await client.fetchWitBundles();
      const headers = new Headers(createWitHeaders(svid, { audience: AUDIENCE, now: NOW }));
      const options = { bundles, audience: AUDIENCE, replayCache: createReplayCache(), now: NOW };
      const { id } = await verifyWitRequest(readWitHeaders(headers), options);
      assert.equal(id.toString(), SUBJECT);
    },
  );
});

test('the identity that is asked for goes with the request, and no other one is taken', async () => {
  const asked: string[] = [];
  await withEndpoint(
    (spiffeId) => {
      asked.push(spiffeId);
      return [good];
    },
    async (client) => {
      assert.equal((await client.fetchWitSvids({ spiffeId: SUBJECT })).length, 1);
      const other = client.fetchWitSvids({ spiffeId: 'spiffe://example.org/other' });
      await assert.rejects(other, hasCode('ERR_NO_IDENTITY'));
    },
  );
  assert.deepEqual(asked, [SUBJECT, 'spiffe://example.org/other']);
});

test('both can be watched', async () => {
  await withEndpoint(
    () => [good],
    async (client) => {
      const seen: string[] = [];
      await using _svids = client.watchWitSvids({}, { onUpdate: ([svid]) => seen.push(svid?.id.path ?? '') });
      await using _bundles = client.watchWitBundles({
        onUpdate: (bundles) => seen.push(bundles.getWitBundle(trustDomain)?.authorities[0]?.keyId ?? ''),
      });
      await until(() => seen.length === 2);
      assert.deepEqual(seen.toSorted(), ['/caller', 'wit-1']);
    },
  );
});

test('answers that break the standard are refused, and no error shows a key', async () => {
  const bad: readonly (readonly [string, readonly WitSvidMessage[]])[] = [
    ['ERR_ENDPOINT_RESPONSE', []],
    ['ERR_SVID_ID_MISMATCH', [{ ...good, spiffeId: 'spiffe://example.org/other' }]],
    ['ERR_SVID_KEY_MALFORMED', [{ ...good, witSvidKey: '' }]],
    ['ERR_SVID_KEY_MALFORMED', [{ ...good, witSvidKey: key.replace('"d"', '"e"') }]],
    ['ERR_SVID_KEY_MALFORMED', [{ ...good, witSvidKey: '{"kty":"oct","k":"AAAA"}' }]],
    [
      'ERR_SVID_KEY_MISMATCH',
      [{ ...good, witSvidKey: JSON.stringify(world.issuer.privateKey.export({ format: 'jwk' })) }],
    ],
    ['ERR_WIT_AUDIENCE', [{ ...good, witSvid: world.issue({ claims: { aud: 'x' } }) }]],
    ['ERR_ENDPOINT_RESPONSE', [{ ...good, hint: 'x'.repeat(1025) }]],
  ];
  const { d = '' } = world.workload.privateKey.export({ format: 'jwk' });
  for (const [code, svids] of bad) {
    await withEndpoint(
      () => svids,
      async (client) => {
        await assert.rejects(client.fetchWitSvids(), (error: Error) => {
          assert.doesNotMatch(`${error.message} ${String(error.cause)}`, new RegExp(d));
          return hasCode(code, good.witSvid)(error);
        });
      },
    );
  }
});

test('an endpoint without WIT-SVIDs says so, and is not asked again', async () => {
  await using fake = await startFakeWorkloadApi();
  await using client = new WitApiClient({ address: fake.address, retry: FAST_RETRY });
  await assert.rejects(client.fetchWitSvids(), hasCode('ERR_ENDPOINT_UNIMPLEMENTED'));
  const watch = client.watchWitBundles({ onUpdate: () => {} });
  assert.equal(((await watch.ended) as { code?: string } | undefined)?.code, 'ERR_ENDPOINT_UNIMPLEMENTED');
});

test('a denial is told as such', async () => {
  await withEndpoint(
    () => {
      throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
    },
    async (client) => {
      await assert.rejects(client.fetchWitSvids(), hasCode('ERR_NO_IDENTITY'));
    },
  );
});
