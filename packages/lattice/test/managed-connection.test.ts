import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionOptions, NatsConnection, Status } from '@nats-io/transport-node';
import type { ConnectionStatus } from '../src/connection-options.ts';
import { LatticeError } from '../src/errors.ts';
import { silentLogger } from '../src/logger.ts';
import { openManagedConnection } from '../src/managed-connection.ts';
import type { ManagedConnectionOptions } from '../src/managed-connection.ts';
import type { AttemptHooks } from '../src/nats-transport.ts';
import { rejectsCode, settle, TestClock } from './support.ts';

/** A NATS client whose attempts succeed or fail as the test says, and whose statuses it sends. */
class FakeClient {
  readonly options: ConnectionOptions[] = [];
  readonly results: (Error | undefined)[];
  hooks: AttemptHooks | undefined;
  drained = 0;
  isClosed = false;
  reconnects = 0;
  readonly #statuses: Status[] = [];
  #wake: () => void = () => {};
  #close: (error?: Error) => void = () => {};
  readonly #closed = new Promise<void | Error>((resolve) => (this.#close = resolve));

  constructor(results: (Error | undefined)[]) {
    this.results = results;
  }

  readonly connect = async (options: ConnectionOptions, hooks: AttemptHooks): Promise<NatsConnection> => {
    this.options.push(options);
    this.hooks = hooks;
    options.reconnectToServer?.([], null);
    await hooks.prepare();
    const result = this.results.shift();
    if (result !== undefined) throw result;
    return {
      status: () => this.#iterate(),
      closed: () => this.#closed,
      isClosed: () => this.isClosed,
      getServer: () => 'server:1',
      drain: () => Promise.resolve((this.drained += 1)),
      reconnect: () => Promise.resolve((this.reconnects += 1)),
      close: () => {
        this.isClosed = true;
        this.#close();
        return Promise.resolve();
      },
    } as unknown as NatsConnection;
  };

  async send(status: Status): Promise<void> {
    this.#statuses.push(status);
    this.#wake();
    await settle();
  }

  async *#iterate(): AsyncGenerator<Status> {
    for (;;) {
      const next = this.#statuses.shift();
      if (next === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield next;
    }
  }
}

function options(
  client: FakeClient,
  clock: TestClock,
  change: Partial<ManagedConnectionOptions> = {},
): ManagedConnectionOptions {
  return {
    servers: ['tls://127.0.0.1:1'],
    name: 'ctl',
    credentials: { prepare: () => Promise.resolve(), answer: () => ({ auth_token: 'token' }) },
    tls: () => ({}),
    retry: { initialDelayMs: 100, maxDelayMs: 1_000, attempts: 0, jitter: 0 },
    attemptTimeoutMs: 1_000,
    userExpiry: undefined,
    signal: undefined,
    clock,
    logger: silentLogger,
    connect: client.connect,
    ...change,
  };
}

test('the first connect is tried again with growing pauses until it works', async () => {
  const clock = new TestClock();
  const client = new FakeClient([new Error('refused'), new Error('refused'), undefined]);
  const opening = openManagedConnection(options(client, clock));
  await settle();
  assert.equal(client.options.length, 1);
  await clock.advance(100);
  assert.equal(client.options.length, 2);
  await clock.advance(199);
  assert.equal(client.options.length, 2);
  await clock.advance(1);
  const connection = await opening;
  assert.equal(connection.isConnected(), true);
  await connection.close();
});

test('a bound on attempts and an abort end the first connect, with the reason as cause', async () => {
  const clock = new TestClock();
  const client = new FakeClient([new Error('one'), new Error('two'), undefined]);
  const bounded = rejectsCode(
    'ERR_CONNECT_FAILED',
    openManagedConnection(
      options(client, clock, { retry: { initialDelayMs: 100, maxDelayMs: 100, attempts: 2, jitter: 0 } }),
    ),
  );
  await settle();
  await clock.advance(100);
  assert.equal(((await bounded).cause as Error).message, 'two');
  const controller = new AbortController();
  const aborted = rejectsCode(
    'ERR_CONNECT_FAILED',
    openManagedConnection(options(new FakeClient([new Error('x')]), clock, { signal: controller.signal })),
  );
  await settle();
  controller.abort();
  await aborted;
  assert.equal(clock.timers, 0);
});

test('a credential that is not there fails the attempt and says so', async () => {
  const prepare = (): Promise<void> => Promise.reject(new LatticeError('ERR_NO_TOKEN', 'none'));
  const change = {
    credentials: { prepare, answer: () => undefined },
    retry: { initialDelayMs: 1, maxDelayMs: 1, attempts: 1, jitter: 0 },
  };
  const error = await rejectsCode(
    'ERR_CONNECT_FAILED',
    openManagedConnection(options(new FakeClient([]), new TestClock(), change)),
  );
  assert.equal((error.cause as LatticeError).code, 'ERR_NO_TOKEN');
});

test('the client never gives up, ignores repeated refusals and is asked for credentials at each attempt', async () => {
  const client = new FakeClient([undefined]);
  const connection = await openManagedConnection(
    options(client, new TestClock(), { inboxPrefix: '_INBOX.X' }),
  );
  const [given] = client.options;
  assert.equal(given?.maxReconnectAttempts, -1);
  assert.equal(given?.ignoreAuthErrorAbort, true);
  assert.equal(given?.inboxPrefix, '_INBOX.X');
  const authenticate = given?.authenticator as (nonce?: string) => unknown;
  assert.deepEqual(authenticate('nonce'), { auth_token: 'token' });
  await connection.close();
});

test('statuses are told in order, with failed attempts and their pauses between', async () => {
  const client = new FakeClient([undefined]);
  const connection = await openManagedConnection(options(client, new TestClock()));
  const heard: ConnectionStatus[] = [];
  const stop = connection.onStatus((status) => heard.push(status));
  const { reconnectDelayHandler, reconnectToServer } = client.options[0] ?? {};
  const server = { listen: 'server:1' } as never;
  await client.send({ type: 'disconnect', server: 'server:1' });
  assert.equal(connection.isConnected(), false);
  assert.equal(reconnectDelayHandler?.(), 0);
  assert.deepEqual(reconnectToServer?.([server], null), { server, delay: 100 });
  client.hooks?.failed(new Error('connection refused'));
  assert.equal(reconnectDelayHandler?.(), 100);
  assert.equal(reconnectDelayHandler?.(), 100, 'asking again draws no new pause');
  assert.equal(reconnectToServer?.([server], null), null);
  assert.equal(reconnectDelayHandler?.(), 200);
  await client.send({ type: 'error', error: new Error('Authorization Violation') });
  await client.send({ type: 'reconnect', server: 'server:1' });
  assert.equal(connection.isConnected(), true);
  assert.equal(reconnectDelayHandler?.(), 0);
  assert.deepEqual(
    heard.map((status) => [
      status.type,
      'error' in status ? status.error?.message : undefined,
      'retryInMs' in status ? status.retryInMs : undefined,
    ]),
    [
      ['disconnected', undefined, undefined],
      ['attempt-failed', 'connection refused', 100],
      ['attempt-failed', 'Cannot connect: the attempt failed', 200],
      ['error', 'Authorization Violation', undefined],
      ['reconnected', undefined, undefined],
    ],
  );
  stop();
  await connection.close();
  assert.equal(heard.length, 5);
});

test('the connection is renewed ahead of its end with a credential fetched before, without a pause', async () => {
  const clock = new TestClock();
  const client = new FakeClient([undefined]);
  let prepared = 0;
  const connection = await openManagedConnection(
    options(client, clock, {
      credentials: { prepare: () => Promise.resolve(void (prepared += 1)), answer: () => undefined },
      userExpiry: () => Promise.resolve(clock.now() + 100_000),
    }),
  );
  await settle();
  assert.equal(connection.userExpiresAt(), clock.now() + 100_000);
  await clock.advance(90_000);
  assert.deepEqual([client.reconnects, prepared], [1, 2]);
  await client.send({ type: 'disconnect', server: 'server:1' });
  assert.equal(client.options[0]?.reconnectToServer?.([{ listen: 'server:1' } as never], null), null);
  await connection.close();
  assert.equal(clock.timers, 0);
});

test('closing drains only when asked, stops later attempts and is told last', async () => {
  const client = new FakeClient([undefined]);
  const connection = await openManagedConnection(options(client, new TestClock()));
  const heard: string[] = [];
  connection.onStatus(({ type }) => heard.push(type));
  await connection.close({ isDrained: true });
  await connection.closed;
  assert.deepEqual([client.drained, client.isClosed, connection.isConnected()], [1, true, false]);
  assert.deepEqual(heard, ['closed']);
  await rejectsCode('ERR_CONNECTION_CLOSED', client.hooks?.prepare() ?? Promise.resolve());
  await connection.close();
});
