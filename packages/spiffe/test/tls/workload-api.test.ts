// Both ends with one identity source each, as programs have them, while the Workload API renews, replaces and withdraws.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';

import { createTestCa, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestCa } from '@muster/testing';

import {
  createHttpsAgent,
  createX509Source,
  guardTlsServer,
  matchId,
  requireTlsPeer,
  SpiffeId,
  tlsServerOptions,
} from '../../src/index.ts';
import type { X509Source } from '../../src/index.ts';
import { GRPC_STATUS } from '../../src/wire/index.ts';
import { x509Message } from '../workload-api/support.ts';
import { CLIENT_ID, codeOf, listenTcp, SERVER_ID } from './support.ts';

interface Party extends AsyncDisposable {
  readonly api: FakeWorkloadApi;
  readonly source: X509Source;
  /** Sends an SVID of the issuer, and the bundle of the other authority as well while it is about to be replaced. */
  renew(issuer: TestCa, root: Uint8Array): Promise<void>;
}

async function join(id: string, issuer: TestCa, root: Uint8Array): Promise<Party> {
  const api = await startFakeWorkloadApi();
  const send = (by: TestCa, bundle: Uint8Array): void => {
    api.send('FetchX509SVID', x509Message([{ id, svid: by.issueX509Svid(id), bundle }]));
  };
  send(issuer, root);
  const source = await createX509Source({ address: api.address, spiffeId: id });
  return {
    api,
    source,
    renew: async (by, bundle) => {
      const changed = new Promise<void>((resolve) => {
        const stop = source.onChange(() => {
          stop();
          resolve();
        });
      });
      send(by, bundle);
      await changed;
    },
    async [Symbol.asyncDispose]() {
      await source.close();
      await api.stop();
    },
  };
}

test('two programs go on through renewal, a new authority and a withdrawal, without a restart', async () => {
  const old = createTestCa();
  const next = createTestCa();
  const both = Buffer.concat([old.certificate, next.certificate]);
  await using server = await join(SERVER_ID, old.createIntermediate(), old.certificate);
  await using client = await join(CLIENT_ID, old.createIntermediate(), old.certificate);
  const authorize = (id: string): ReturnType<typeof matchId> => matchId(SpiffeId.parse(id));

  const web = https.createServer(
    tlsServerOptions({ svid: server.source, isClientRequired: true }),
    (request, response) => response.end(requireTlsPeer(request).id.toString()),
  );
  using _guard = guardTlsServer(web, {
    svid: server.source,
    bundles: server.source,
    authorize: authorize(CLIENT_ID),
  });
  let connections = 0;
  web.on('secureConnection', (_socket: TLSSocket) => {
    connections += 1;
  });
  const port = await listenTcp(web);
  const agent = createHttpsAgent({
    svid: client.source,
    bundles: client.source,
    authorize: authorize(SERVER_ID),
  });
  const ask = async (): Promise<string> => {
    const request = https.get({ port, host: 'localhost', agent });
    const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
    let text = '';
    for await (const chunk of response) {
      text += chunk.toString();
    }
    return text;
  };
  const askAnew = async (): Promise<string> => {
    agent.destroyIdle();
    return await ask();
  };

  assert.equal(await ask(), CLIENT_ID);
  // The new authority is believed everywhere before anybody is issued by it, and the old one goes last.
  for (const [issuer, root] of [
    [old.createIntermediate(), old.certificate],
    [old, both],
    [next.createIntermediate(), both],
    [next, next.certificate],
  ] as const) {
    for (const party of [server, client]) {
      await party.renew(issuer, root);
      assert.equal(await ask(), CLIENT_ID);
      assert.equal(await askAnew(), CLIENT_ID);
    }
  }
  assert.equal(connections, 9);

  const withdrawn = new Promise((resolve) => client.source.onChange(resolve));
  client.api.refuse('FetchX509SVID', GRPC_STATUS.PERMISSION_DENIED);
  assert.equal(await withdrawn, 'withdrawn');
  await assert.rejects(ask(), (error) => codeOf(error) === 'ERR_NO_IDENTITY');
  assert.equal(connections, 9);
  agent.destroy();
});
