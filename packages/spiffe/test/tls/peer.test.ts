import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import tls from 'node:tls';

import { verifyTlsPeer } from '../../src/index.ts';
import {
  asClient,
  authorizeServer,
  bundles,
  CLIENT_ID,
  greet,
  guarded,
  hello,
  intermediate,
  keep,
  listen,
  required,
  serverSvid,
} from './support.ts';

const good = intermediate.issueX509Svid(CLIENT_ID);

test('no chain is read by the call of node:tls that loses the memory of all issuers in it', async () => {
  const lossy = mock.method(tls.TLSSocket.prototype, 'getPeerX509Certificate');
  try {
    const server = hello(required());
    guarded(server);
    const path = await listen(server);
    assert.equal(await greet(path, asClient(good)), 'hello');
    const socket = keep(tls.connect({ path, ...asClient(good) }));
    await new Promise((resolve) => {
      socket.once('secureConnect', resolve);
    });
    const { id } = verifyTlsPeer(socket, { bundles, authorize: authorizeServer });
    assert.equal(id.toString(), serverSvid.getX509Svid().id.toString());
    assert.equal(lossy.mock.callCount(), 0);
  } finally {
    lossy.mock.restore();
  }
});
