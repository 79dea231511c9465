import assert from 'node:assert/strict';
import http2 from 'node:http2';
import https from 'node:https';
import { test } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';
import type { TestX509Svid } from '@muster/testing';

import {
  asClient,
  ca,
  CLIENT_ID,
  clientOptions,
  greet,
  guarded,
  hello,
  intermediate,
  keep,
  listen,
  other,
  raw,
  required,
} from './support.ts';

const good = ca.issueX509Svid(CLIENT_ID);

/** The kinds of servers, each with every handler it may have, added before the guard and after it. */
const kinds: Record<string, (onUse: (what: string) => void) => tls.Server> = {
  'plain tls': (onUse) =>
    tls.createServer(required(), (socket) => {
      onUse('secureConnection');
      socket.on('error', () => {});
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    }),
  https: (onUse) => {
    const server = https.createServer(required(), (_request, response) => {
      onUse('request');
      response.end();
    });
    server.on('upgrade', (_request, socket) => {
      onUse('upgrade');
      socket.destroy();
    });
    server.on('clientError', () => {});
    return server;
  },
  http2: (onUse) => {
    const server = http2.createSecureServer({ ...required(), allowHTTP1: true }, (_request, response) => {
      onUse('request');
      response.end();
    });
    server.on('session', () => {
      onUse('session');
    });
    server.on('unknownProtocol', () => {
      onUse('unknownProtocol');
    });
    return server;
  },
};
const HTTP1 = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const UPGRADE = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';

/** Sends at once, as a client does that cannot wait, and returns what comes back until the connection is closed. */
async function exchange(path: string, options: tls.ConnectionOptions, bytes: string): Promise<string> {
  const socket = keep(tls.connect({ path, servername: 'ignored.example', ...options }));
  let answer = '';
  socket.on('data', (data: Buffer) => {
    answer += data.toString('latin1');
    socket.end();
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  return answer;
}

const selfSigned = createTestCa();
const web = (() => {
  const authority = createTestCa();
  return authority.issueX509Svid(CLIENT_ID, {
    uris: [],
    dnsNames: ['client.example'],
    subject: new Uint8Array([0x30, 0]),
  });
})();
const intruders: [name: string, issued: TestX509Svid | undefined, code: string][] = [
  ['A33 no certificate', undefined, 'ERR_TLS_PEER_CERTIFICATE_MISSING'],
  ['another ID', ca.issueX509Svid('spiffe://example.org/someone'), 'ERR_ID_NOT_AUTHORIZED'],
  ['another trust domain', other.issueX509Svid('spiffe://other.org/client'), 'ERR_ID_NOT_AUTHORIZED'],
  [
    'an ID that an authority of another trust domain signed',
    other.issueX509Svid(CLIENT_ID),
    'ERR_SVID_UNTRUSTED',
  ],
  ['an unknown authority', createTestCa().issueX509Svid(CLIENT_ID), 'ERR_SVID_UNTRUSTED'],
  [
    'a trust domain without a bundle',
    createTestCa('un.known').issueX509Svid('spiffe://un.known/a'),
    'ERR_BUNDLE_NOT_FOUND',
  ],
  ['an expired SVID', ca.issueX509Svid(CLIENT_ID, { expiresAt: Date.now() - 5000 }), 'ERR_SVID_EXPIRED'],
  [
    'an SVID of the future',
    ca.issueX509Svid(CLIENT_ID, { notBeforeAt: Date.now() + 60_000 }),
    'ERR_SVID_NOT_YET_VALID',
  ],
  [
    'a self-signed certificate',
    selfSigned.issueX509Svid(CLIENT_ID, { keyPair: selfSigned.keyPair }),
    'ERR_SVID_UNTRUSTED',
  ],
  ['a certificate of the web', web, 'ERR_SVID_URI_SAN_MISSING'],
  ['A28 a leaf that is an authority', ca.issueX509Svid(CLIENT_ID, { isCa: true }), 'ERR_SVID_LEAF_IS_CA'],
  [
    'A27 two URI SANs',
    ca.issueX509Svid(CLIENT_ID, { uris: [CLIENT_ID, CLIENT_ID] }),
    'ERR_SVID_URI_SAN_MULTIPLE',
  ],
];

for (const [kind, create] of Object.entries(kinds)) {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${kind}, ${maxVersion}: members are served with and without an intermediate, and nobody else is`, async () => {
      let used: string[] = [];
      const server = create((what) => used.push(what));
      const { errors } = guarded(server);
      server.prependListener('secureConnection', () => used.push('prepended later'));
      const path = await listen(server);
      for (const issuer of [ca, intermediate, intermediate.createIntermediate()]) {
        const options = { ...asClient(issuer.issueX509Svid(CLIENT_ID)), maxVersion };
        assert.match(await exchange(path, options, HTTP1), /^HTTP\/1\.1 200/);
      }
      assert.deepEqual(errors, []);
      used = [];
      for (const [name, issued, code] of intruders) {
        const options = { ...clientOptions(), ...(issued === undefined ? {} : raw(issued)), maxVersion };
        for (const [bytes, ALPNProtocols] of [
          [HTTP1, ['http/1.1']],
          [UPGRADE, []],
          ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ['h2']],
        ] as const) {
          if (kind === 'https' && ALPNProtocols.some((protocol) => protocol === 'h2')) {
            continue;
          }
          assert.equal(
            await exchange(path, { ...options, ALPNProtocols: [...ALPNProtocols] }, bytes),
            '',
            name,
          );
          assert.equal(errors.at(-1), code, name);
        }
      }
      assert.deepEqual(used, []);
    });
  }
}

test('A32 a server whose guard was forgotten lets nobody in', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    let used = 0;
    const server = hello(required());
    server.on('secureConnection', () => {
      used += 1;
    });
    const path = await listen(server);
    await assert.rejects(greet(path, { ...asClient(good), maxVersion }));
    await assert.rejects(greet(path, { ...clientOptions(), maxVersion }));
    assert.equal(used, 0);
  }
});

test('A32 node:tls reads at each connection whether to refuse whom OpenSSL does not know', async () => {
  const server = hello(required());
  guarded(server);
  const path = await listen(server);
  assert.equal(await greet(path, asClient(good)), 'hello');
  // What a Node would do that reads the option once only.
  Object.assign(server, { rejectUnauthorized: true });
  await assert.rejects(greet(path, asClient(good)));
});
