import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { createTestCa, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi } from '@muster/testing';

import { createX509Source, WorkloadApiClient } from '../../src/index.ts';
import { GRPC_STATUS } from '../../src/wire/index.ts';
import { FAST_RETRY, until, x509Message } from './support.ts';

const ID = 'spiffe://example.org/workload';
const ca = createTestCa();

/** Stands between client and endpoint on TCP, and can fall silent without closing anything, as a stopped process does. */
class Wire {
  readonly server: net.Server;
  connections = 0;
  #isSilent = false;
  readonly #sockets = new Set<net.Socket>();

  constructor(socketPath: string) {
    this.server = net.createServer((near) => {
      this.connections += 1;
      const far = net.connect(socketPath);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => {});
        from.on('data', (chunk) => to.write(chunk));
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        if (this.#isSilent) {
          from.pause();
        }
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    return `tcp://127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
  }

  set isSilent(isSilent: boolean) {
    this.#isSilent = isSilent;
    for (const socket of this.#sockets) {
      if (isSilent) {
        socket.pause();
      } else {
        socket.resume();
      }
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
  }
}

let api: FakeWorkloadApi;
let wire: Wire;
let address: string;

before(async () => {
  api = await startFakeWorkloadApi();
  wire = new Wire(api.socketPath);
  address = await wire.listen();
});

after(async () => {
  await wire.close();
  await api.stop();
});

function send(): void {
  const bundle = ca.certificate;
  api.send('FetchX509SVID', x509Message([{ id: ID, svid: ca.issueX509Svid(ID), bundle }]));
}

test('EP-3 an endpoint on TCP is as good as one on a unix socket', async () => {
  send();
  await using source = await createX509Source({ address });
  assert.equal(source.getX509Svid().id.toString(), ID);
});

test('EP-1 the endpoint is found by the environment', async () => {
  const old = process.env['SPIFFE_ENDPOINT_SOCKET'];
  process.env['SPIFFE_ENDPOINT_SOCKET'] = address;
  try {
    await using source = await createX509Source();
    assert.equal(source.getX509Svid().id.toString(), ID);
  } finally {
    if (old === undefined) {
      delete process.env['SPIFFE_ENDPOINT_SOCKET'];
    } else {
      process.env['SPIFFE_ENDPOINT_SOCKET'] = old;
    }
  }
});

test('an endpoint that falls silent without closing anything is noticed, and followed again when it wakes', async () => {
  send();
  const errors: string[] = [];
  await using client = new WorkloadApiClient({ address, keepAliveMs: 50, retry: FAST_RETRY });
  await using source = await createX509Source({
    client,
    onError: (error) => errors.push((error as { code?: string }).code ?? ''),
  });
  const svid = source.getX509Svid();
  const { connections } = wire;
  wire.isSilent = true;
  await until(() => errors.length > 1);
  assert.ok(
    errors.every((code) => code === 'ERR_ENDPOINT_UNAVAILABLE'),
    errors.join(),
  );
  assert.ok(wire.connections > connections);
  assert.equal(source.getX509Svid(), svid, 'what is held stays');
  send();
  wire.isSilent = false;
  await until(() => source.getX509Svid() !== svid);
});

test('EP-5, EP-7 calls come at most 20 a second by default, and end where the request is called invalid', async () => {
  const before = api.calls.length;
  api.refuse('FetchX509SVID', GRPC_STATUS.UNAVAILABLE);
  const delays: number[] = [];
  await using client = new WorkloadApiClient({ address: api.address });
  const watch = client.watchX509Context({
    onUpdate: () => {},
    onError: (_error, retryInMs) => delays.push(retryInMs ?? -1),
  });
  await until(() => delays.length === 1);
  assert.ok(delays[0]! >= 800 && delays[0]! <= 1000, String(delays[0]));
  await watch.close();
  api.refuse('FetchX509SVID', GRPC_STATUS.INVALID_ARGUMENT);
  const invalid = client.watchX509Context({ onUpdate: () => {} });
  assert.equal(((await invalid.ended) as { code?: string }).code, 'ERR_REQUEST_REFUSED');
  assert.equal(api.calls.length, before + 2);
});
