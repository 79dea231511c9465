import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import {
  auditStream,
  auditSubject,
  ControlClient,
  controlSubjects,
  createEvent,
  encodeMessage,
  accepted,
  eventSubject,
  inboxPrefix,
  streamSubjects,
  systemClock,
  systemSubjects,
} from '@muster/lattice';
import type { ConnectionStatus, HostPing } from '@muster/lattice';
import { parseUnverifiedJwtSvid, TrustDomain } from '@muster/spiffe';
import { attempt, connectAs, eventually, freshTimes } from './clients.ts';
import { createTestCa } from '@muster/testing';
import { AUDIENCE, Fixture, HOST_ID, OPERATOR_ID, TRUST_DOMAIN } from './fixture.ts';

async function startFixture(
  context: TestContext,
  options?: Parameters<typeof Fixture.start>[0],
): Promise<Fixture> {
  const fixture = await Fixture.start(options);
  context.after(() => fixture.stop());
  return fixture;
}

test('the server knows the client by its SPIFFE ID, in HOSTS, with an end', async (context) => {
  const fixture = await startFixture(context);
  const operator = await connectAs(fixture, OPERATOR_ID, { name: 'cli' });
  const host = await connectAs(fixture);
  const info = (await host.nats.request(systemSubjects.userInfo)).json<{
    data: { user: string; account: string; expires: number };
  }>();
  assert.deepEqual([info.data.user, info.data.account], [HOST_ID, 'HOSTS']);
  assert.equal(info.data.expires / 1e9 <= 3_600 && info.data.expires / 1e9 > 3_200, true);
  await eventually('the client knows its end', () => host.userExpiresAt() !== undefined);
  const report = (
    await operator.nats.request(systemSubjects.accountConnections, JSON.stringify({ auth: true }))
  ).json<{
    server: { id: string };
    data: { connections: { cid: number; name: string; authorized_user: string; account: string }[] };
  }>();
  const connections = report.data.connections.map(({ name, authorized_user: user, account }) => [
    name,
    user,
    account,
  ]);
  assert.deepEqual(
    connections.toSorted((a, b) => String(a).localeCompare(String(b))),
    [
      ['cli', OPERATOR_ID, 'HOSTS'],
      ['ctl', HOST_ID, 'HOSTS'],
    ],
  );
  // Each reported connection is found in the audit records by server and client id.
  for (const { cid } of report.data.connections) {
    const record = fixture
      .audit()
      .find(({ details }) => details['clientId'] === cid && details['serverId'] === report.server.id);
    assert.equal(record?.decision, 'allow');
  }
  await operator.close();
  await host.close();
});

test('commands, answers and events go between operator and host, and nowhere else', async (context) => {
  const fixture = await startFixture(context);
  const operator = await connectAs(fixture, OPERATOR_ID, { name: 'cli' });
  const host = await connectAs(fixture);
  const hostId = `N${'A'.repeat(55)}`;
  const ping: HostPing = {
    id: hostId,
    friendly_name: 'a',
    labels: {},
    lattice: 'default',
    uptime_seconds: 1,
  };
  for (const { subject, queue } of controlSubjects('default').subscriptions(hostId)) {
    host.nats.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null)
          message.respond(encodeMessage(accepted('', message.subject.endsWith('ping') ? ping : undefined)));
      },
    });
  }
  await host.nats.flush();
  const client = new ControlClient(operator.nats, { lattice: 'default' });
  assert.deepEqual(
    (await client.ping({ expected: 1 })).map(({ id }) => id),
    [hostId],
  );
  assert.equal((await client.putConfig('address', { address: '127.0.0.1:8000' })).success, true);
  const link = {
    source_id: 'http-server',
    target: 'hello',
    name: 'default',
    wit_namespace: 'wasi',
    wit_package: 'http',
    interfaces: ['incoming-handler'],
    source_config: ['address'],
    target_config: [],
  };
  assert.equal((await client.putLink(link)).success, true);
  const events: string[] = [];
  const watch = await client.watchEvents('*', (event) => events.push(event.name));
  host.nats.publish(
    eventSubject('default', 'config_set'),
    createEvent('config_set', hostId, { config_name: 'address' }, systemClock),
  );
  await eventually('the event arrives', () => events.length === 1);
  watch.stop();
  await assert.rejects(client.getHost(`N${'B'.repeat(55)}`), { code: 'ERR_CONTROL_NO_ANSWER' });

  const errors: string[] = [];
  host.onStatus((status) => {
    if (status.type === 'error') errors.push(String(status.error));
  });
  const spied: string[] = [];
  for (const subject of ['>', '_INBOX.>', `${inboxPrefix(OPERATOR_ID)}.>`, eventSubject('default', '*')]) {
    host.nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) spied.push(message.subject);
      },
    });
  }
  host.nats.publish(controlSubjects('default').linkPut, encodeMessage(link));
  host.nats.publish(auditSubject('default', 'callout'), 'forged');
  host.nats.publish(systemSubjects.authorizationRequest, 'forged');
  await host.nats.flush();
  await client.ping({ expected: 1 });
  await eventually('all seven are refused', () => errors.length >= 7);
  assert.deepEqual(spied, []);
  await operator.close();
  await host.close();
});

test('audit records arrive at the operator, and a stream can keep them', async (context) => {
  const fixture = await startFixture(context);
  const operator = await connectAs(fixture, OPERATOR_ID, { name: 'cli' });
  const stream = streamSubjects(auditStream('default'));
  const config = {
    name: auditStream('default'),
    subjects: [auditSubject('default', '*')],
    allow_direct: true,
  };
  const created = (await operator.nats.request(stream.create, JSON.stringify(config))).json<{
    error?: unknown;
  }>();
  assert.equal(created.error, undefined);
  const seen: string[] = [];
  operator.nats.subscribe(auditSubject('default', '*'), {
    callback: (_error, message) => void seen.push(message.string()),
  });
  await operator.nats.flush();
  const host = await connectAs(fixture);
  await eventually('the record arrives', () => seen.length === 1);
  assert.deepEqual(JSON.parse(seen[0] ?? '{}'), fixture.audit().at(-1));
  const query = JSON.stringify({ last_by_subj: auditSubject('default', 'callout') });
  assert.deepEqual((await operator.nats.request(stream.directGet, query)).json(), fixture.audit().at(-1));
  await assert.rejects(
    operator.nats.request(stream.delete, '', { timeout: 1_000 }),
    /Permissions Violation/i,
  );
  await operator.close();
  await host.close();
});

test('a fresh JWT-SVID is sent at each connect, and the connection is renewed before its end', async (context) => {
  const fixture = await startFixture(context, { userTtlMs: 5_000 });
  let fetches = 0;
  const host = await connectAs(fixture, HOST_ID, {
    fetchToken: () => {
      fetches += 1;
      return Promise.resolve(
        parseUnverifiedJwtSvid(
          fixture.issuer.issue(HOST_ID, AUDIENCE, {
            claims: { ...freshTimes().claims, jti: `token-${fetches}` },
          }),
        ),
      );
    },
  });
  const statuses: ConnectionStatus['type'][] = [];
  host.onStatus(({ type }) => statuses.push(type));
  await eventually(
    'two renewals',
    () => statuses.filter((type) => type === 'reconnected').length >= 2,
    15_000,
  );
  assert.equal(statuses.includes('error'), false, 'the server never had to end it');
  assert.equal(fetches, 3);
  assert.deepEqual(statuses.slice(0, 3), ['planned-reconnect', 'disconnected', 'reconnected']);
  await host.close();
});

test('a client that does not renew is ended by the server, and comes back by itself', async (context) => {
  const fixture = await startFixture(context, { userTtlMs: 2_000 });
  const host = await connectAs(fixture, HOST_ID, { userExpiry: false });
  const statuses: ConnectionStatus['type'][] = [];
  host.onStatus(({ type }) => statuses.push(type));
  await eventually('two rounds', () => statuses.filter((type) => type === 'reconnected').length >= 2, 15_000);
  await host.close();
  assert.equal(statuses.at(-1), 'closed');
});

test('without a valid JWT-SVID nothing is sent, and the client comes back when there is one again', async (context) => {
  const fixture = await startFixture(context);
  let isUp = true;
  const host = await connectAs(fixture, HOST_ID, {
    fetchToken: () =>
      isUp
        ? Promise.resolve(parseUnverifiedJwtSvid(fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes(2))))
        : Promise.reject(new Error('down')),
  });
  isUp = false;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const seen = fixture.audit().length;
  const failures: string[] = [];
  host.onStatus((status) => {
    if (status.type === 'attempt-failed')
      failures.push((status.error as { code?: string }).code ?? status.error.message);
  });
  host.reconnect();
  await eventually('several failed attempts', () => failures.length >= 3);
  assert.deepEqual([...new Set(failures)], ['ERR_NO_TOKEN']);
  assert.equal(fixture.audit().length, seen, 'the callout was not even asked');
  isUp = true;
  await eventually('it is back', () => host.isConnected());
  await host.close();
});

test('a server with another SPIFFE ID, or of another authority, is sent nothing', async (context) => {
  const fixture = await startFixture(context);
  let fetches = 0;
  const options = {
    fetchToken: () => {
      fetches += 1;
      return Promise.resolve(parseUnverifiedJwtSvid(fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes())));
    },
  };
  await assert.rejects(connectAs(fixture, HOST_ID, { ...options, serverPath: '/other/' }), {
    code: 'ERR_CONNECT_FAILED',
  });
  await assert.rejects(
    connectAs(fixture, HOST_ID, { ...options, bundles: createTestCa(TRUST_DOMAIN).bundle }),
    { code: 'ERR_CONNECT_FAILED' },
  );
  await assert.rejects(
    connectAs(fixture, HOST_ID, { ...options, trustDomain: TrustDomain.parse('other.example') }),
    { code: 'ERR_CONNECT_FAILED' },
  );
  assert.equal(fixture.audit().length, 0);
  assert.equal(fetches > 0, true);
});

test('the first connect keeps trying, and can be aborted', async (context) => {
  const fixture = await startFixture(context, { hasCallout: false });
  const controller = new AbortController();
  const connecting = connectAs(fixture, HOST_ID, {
    retry: { initialDelayMs: 20, maxDelayMs: 50 },
    signal: controller.signal,
  });
  const rejected = assert.rejects(connecting, { code: 'ERR_CONNECT_FAILED' });
  setTimeout(() => controller.abort(), 100);
  await rejected;
  await fixture.startCallout();
  const second = await connectAs(fixture, HOST_ID, { retry: { initialDelayMs: 20, maxDelayMs: 50 } });
  await second.close();
});

test('another user of the NATS client in the same process changes nothing', async (context) => {
  const fixture = await startFixture(context);
  const host = await connectAs(fixture);
  // This installs the client's own transport for the whole process.
  assert.equal(
    (await attempt(fixture, { token: fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes()) })).isIn,
    true,
  );
  const statuses: string[] = [];
  host.onStatus(({ type }) => statuses.push(type));
  host.reconnect();
  await eventually('it is back', () => statuses.includes('reconnected'));
  await host.close();
});
