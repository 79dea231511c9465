import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Agent, fetch as undiciFetch } from 'undici';

import { createUndiciConnector } from '../../src/index.ts';
import { expected, impostor, options, overHttp2, overHttps, silence } from './services.ts';
import { ca, ChangingSource, CLIENT_ID, codeOf, intermediate } from './support.ts';

const fetches: [
  string,
  (
    url: string,
    init: { dispatcher: Agent; signal?: AbortSignal; method?: string; body?: string },
  ) => Promise<{ text(): Promise<string> }>,
][] = [
  ['undici', undiciFetch],
  // The dispatcher of one copy of undici serves the other, which is inside of Node.
  ["Node's fetch", (url, init) => fetch(url, init as unknown as RequestInit)],
];

for (const [name, fetchWith] of fetches) {
  test(`${name}: both sides know each other, and renewal leaves kept connections`, async () => {
    const { url, connections } = await overHttps();
    const svid = new ChangingSource(intermediate.issueX509Svid(CLIENT_ID));
    const dispatcher = new Agent({ connect: createUndiciConnector(options({ svid })), connections: 1 });
    for (let count = 0; count < 3; count += 1) {
      assert.equal(await (await fetchWith(url, { dispatcher })).text(), expected);
      svid.change(ca.issueX509Svid(CLIENT_ID));
    }
    assert.equal(connections.length, 1);
    await dispatcher.close();
  });

  test(`${name}: a server of another ID hears not a byte`, async () => {
    const { port, heard } = await impostor(['http/1.1']);
    const dispatcher = new Agent({ connect: createUndiciConnector(options()) });
    await assert.rejects(
      fetchWith(`https://localhost:${port}/`, { dispatcher, method: 'POST', body: 'secret' }),
      (error: Error) => codeOf(error.cause) === 'ERR_ID_NOT_AUTHORIZED',
    );
    assert.equal(heard(), 0);
    await dispatcher.destroy();
  });

  test(`${name}: a server that is silent costs no more than the time-out, or the signal`, async () => {
    const url = `https://localhost:${await silence()}/`;
    const dispatcher = new Agent({ connect: createUndiciConnector(options({ connectTimeoutMs: 20 })) });
    await assert.rejects(
      fetchWith(url, { dispatcher }),
      (error: Error) => codeOf(error.cause) === 'ERR_TIMEOUT',
    );
    const patient = new Agent({ connect: createUndiciConnector(options()) });
    await assert.rejects(fetchWith(url, { dispatcher: patient, signal: AbortSignal.timeout(20) }), {
      name: 'TimeoutError',
    });
    await dispatcher.destroy();
    await patient.destroy();
  });

  test(`${name}: without an identity there is an error, and no connection`, async () => {
    const { url, connections } = await overHttps();
    const svid = new ChangingSource(ca.issueX509Svid(CLIENT_ID));
    svid.change(undefined);
    const dispatcher = new Agent({ connect: createUndiciConnector(options({ svid })) });
    await assert.rejects(
      fetchWith(url, { dispatcher }),
      (error: Error) => codeOf(error.cause) === 'ERR_NO_IDENTITY',
    );
    assert.equal(connections.length, 0);
    await dispatcher.destroy();
  });
}

test('undici: HTTP/2 where both want it', async () => {
  const { url, protocols } = await overHttp2();
  const connect = createUndiciConnector({ ...options(), isHttp2Allowed: true });
  const dispatcher = new Agent({ connect, allowH2: true });
  assert.equal(await (await undiciFetch(url, { dispatcher })).text(), expected);
  assert.deepEqual(protocols, ['h2']);
  await dispatcher.destroy();
});
