import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors } from '@nats-io/transport-node';
import type { Msg, NatsConnection, SubscriptionOptions } from '@nats-io/transport-node';
import { ControlClient } from '../src/control-client.ts';
import { accepted, encodeMessage, refused } from '../src/control.ts';
import { createEvent } from '../src/events.ts';
import { controlSubjects, eventSubject } from '../src/subjects.ts';
import { bytes, rejectsCode, TestClock } from './support.ts';

const HOST = `N${'A'.repeat(55)}`;
const subjects = controlSubjects('default');
const link = {
  source_id: 'http-server',
  target: 'hello',
  name: 'default',
  wit_namespace: 'wasi',
  wit_package: 'http',
  interfaces: ['incoming-handler'],
  source_config: [],
  target_config: [],
};
const ping = { id: HOST, friendly_name: 'a', labels: {}, lattice: 'default', uptime_seconds: 1 };

/** Answers each request with what the test says, and remembers what was asked. */
class FakeNats {
  readonly asked: { subject: string; body: string }[] = [];
  readonly watched: { subject: string; options: SubscriptionOptions }[] = [];
  stopped = 0;
  answer: () => Uint8Array | Error = () => encodeMessage(accepted('ok'));
  replies: (Uint8Array | Error)[] = [];

  request(subject: string, data: Uint8Array): Promise<Msg> {
    this.asked.push({ subject, body: Buffer.from(data).toString() });
    const answer = this.answer();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve({ data: answer } as Msg);
  }

  requestMany(subject: string): Promise<AsyncIterable<Msg>> {
    this.asked.push({ subject, body: '' });
    const { replies } = this;
    return Promise.resolve(
      (async function* () {
        for (const reply of replies) {
          if (reply instanceof Error) throw reply;
          yield Promise.resolve({ data: reply } as Msg);
        }
      })(),
    );
  }

  subscribe(subject: string, options: SubscriptionOptions): { unsubscribe: () => void } {
    this.watched.push({ subject, options });
    return { unsubscribe: () => (this.stopped += 1) };
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}

function create(): { nats: FakeNats; client: ControlClient } {
  const nats = new FakeNats();
  return { nats, client: new ControlClient(nats as unknown as NatsConnection, { lattice: 'default' }) };
}

test('each request goes to its subject with its body', async () => {
  const { nats, client } = create();
  const scale = {
    component_ref: 'file:///a.wasm',
    component_id: 'hello',
    host_id: HOST,
    count: 1,
    config: [],
    allow_update: false,
  };
  const key = { source_id: 'http-server', name: 'default', wit_namespace: 'wasi', wit_package: 'http' };
  await client.scaleComponent(scale);
  await client.stopHost(HOST);
  await client.putLink(link);
  await client.deleteLink(key);
  await client.putConfig('address', { address: '127.0.0.1:8000' });
  await client.deleteConfig('address');
  assert.deepEqual(nats.asked, [
    { subject: subjects.scaleComponent(HOST), body: JSON.stringify(scale) },
    { subject: subjects.hostStop(HOST), body: JSON.stringify({ host_id: HOST }) },
    { subject: subjects.linkPut, body: JSON.stringify(link) },
    { subject: subjects.linkDel, body: JSON.stringify(key) },
    { subject: subjects.configPut('address'), body: '{"address":"127.0.0.1:8000"}' },
    { subject: subjects.configDel('address'), body: '' },
  ]);
});

test('answers with content are decoded', async () => {
  const { nats, client } = create();
  const inventory = {
    components: [],
    providers: [],
    host_id: HOST,
    friendly_name: 'a',
    labels: {},
    version: '1',
    uptime_human: '1s',
    uptime_seconds: 1,
  };
  nats.answer = () => encodeMessage(accepted('', inventory));
  assert.equal((await client.getHost(HOST)).host_id, HOST);
  nats.answer = () => encodeMessage(accepted('', [link]));
  assert.deepEqual(await client.getLinks(), [link]);
  nats.answer = () => encodeMessage(accepted('', { a: 'b' }));
  assert.deepEqual({ ...(await client.getConfig('x')) }, { a: 'b' });
  nats.answer = () => encodeMessage(accepted('Configuration not found'));
  assert.equal(await client.getConfig('x'), undefined);
  await rejectsCode('ERR_MESSAGE_MALFORMED', client.getLinks());
});

test('a refusal carries the words of the host; silence and nonsense have codes of their own', async () => {
  const { nats, client } = create();
  nats.answer = () => encodeMessage(refused('link already exists'));
  assert.match(
    (await rejectsCode('ERR_CONTROL_REFUSED', client.putLink(link))).message,
    /link already exists/,
  );
  nats.answer = () => new errors.TimeoutError();
  assert.match(
    (await rejectsCode('ERR_CONTROL_NO_ANSWER', client.putLink(link))).message,
    /no answer in time/,
  );
  nats.answer = () => new errors.NoRespondersError('x');
  assert.match((await rejectsCode('ERR_CONTROL_NO_ANSWER', client.putLink(link))).message, /nobody answers/);
  nats.answer = () => bytes('{"success":true}');
  await rejectsCode('ERR_MESSAGE_MALFORMED', client.putLink(link));
});

test('names that are no token are not sent (A25)', async () => {
  const { nats, client } = create();
  await rejectsCode(
    'ERR_SUBJECT_TOKEN',
    Promise.resolve().then(() => client.putConfig('a.>', {})),
  );
  await rejectsCode(
    'ERR_SUBJECT_TOKEN',
    Promise.resolve().then(() => client.getHost('*')),
  );
  assert.deepEqual(nats.asked, []);
});

test('ping collects all hosts; one unreadable answer does not hide the rest', async () => {
  const { nats, client } = create();
  nats.replies = [
    encodeMessage(accepted('', ping)),
    bytes('nonsense'),
    new Uint8Array(),
    encodeMessage(accepted('', { ...ping, id: 'N2' })),
  ];
  assert.deepEqual(
    (await client.ping()).map(({ id }) => id),
    [HOST, 'N2'],
  );
  assert.deepEqual(
    (await client.ping({ expected: 1 })).map(({ id }) => id),
    [HOST],
  );
});

test('ping with nobody there finds nobody; another failure is one', async () => {
  const { nats, client } = create();
  nats.replies = [new errors.NoRespondersError('x')];
  assert.deepEqual(await client.ping(), []);
  nats.replies = [new errors.ClosedConnectionError()];
  await rejectsCode('ERR_CONTROL_NO_ANSWER', client.ping());
});

test('events are watched until stopped; unreadable ones are left out', async () => {
  const { nats, client } = create();
  const seen: string[] = [];
  const watch = await client.watchEvents('config_set', (event) => seen.push(`${event.name} ${event.source}`));
  assert.equal(nats.watched[0]?.subject, eventSubject('default', 'config_set'));
  const deliver = (error: Error | null, data: Uint8Array): unknown =>
    nats.watched[0]?.options.callback?.(error, { data } as Msg);
  deliver(null, createEvent('config_set', HOST, { config_name: 'x' }, new TestClock()));
  deliver(null, bytes('nonsense'));
  deliver(new Error('not allowed'), new Uint8Array());
  assert.deepEqual(seen, [`config_set ${HOST}`]);
  watch.stop();
  assert.equal(nats.stopped, 1);
});
