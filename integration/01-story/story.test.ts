import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask } from '../support/http.ts';
import { Place, type Running } from './muster.ts';

const HOST = 'spiffe://muster.internal/lattice/default/host/host-1';
const COMPONENT = 'spiffe://muster.internal/lattice/default/app/hello/component/hello-identity';

interface ConnectionRow {
  spiffeId: string;
  user: string;
  account: string;
  name: string;
  clientId: number;
  startedAt: string;
  ageMs: number;
  expiresAt: string;
  requestId: string;
  isRecordVerified: boolean;
}

interface AuditRow {
  service: string;
  isWhole: boolean;
  isFromStart: boolean;
}

describe('muster dev with the TypeScript example', () => {
  const cleanups: (() => Promise<void>)[] = [];
  let place: Place;
  let dev: Running;

  before(async () => {
    place = await Place.create({ after: (cleanup: () => Promise<void>) => void cleanups.push(cleanup) });
    dev = await place.dev('hello-identity');
  });
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });
  const auditFile = (service: string): string => join(place.latticeDir, 'audit', `${service}.jsonl`);

  it('tells each step, in plain lines where there is no terminal', () => {
    const steps = dev.stderr.trim().split('\n');
    const names = steps.map((line) => line.split(':')[0]);
    assert.deepEqual(names, [
      'nats-server program',
      'component',
      'authority',
      'nats-server',
      'callout',
      'host-1',
      'hello-identity',
    ]);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(dev.stderr, /[\r\u001b]/);
  });

  it('shows each part with its SPIFFE ID, how it was attested, its account and when its identity expires', () => {
    const rows = dev.stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    const byPart = new Map(rows.map((cells) => [cells[0], cells]));
    assert.deepEqual(byPart.get('PART'), ['PART', 'SPIFFE ID', 'ATTESTED BY', 'ACCOUNT', 'EXPIRES']);
    const expected: [string, string, RegExp, string, RegExp][] = [
      ['authority', 'spiffe://muster.internal/authority', /^root of trust$/, '-', /^in \d+d/],
      [
        'nats-server',
        'spiffe://muster.internal/nats/nats-1',
        /^child nats, uid \d+ \(pidfd\)$/,
        '-',
        /^in 23h 59m$/,
      ],
      ['callout', 'spiffe://muster.internal/callout', /^child callout, uid \d+/, 'AUTH', /^in 59m/],
      ['host-1', HOST, /^child host-1, uid \d+/, 'HOSTS', /^in 59m/],
      ['hello-identity', COMPONENT, /^digest, id, app, lattice, host$/, '-', /^(in \d|on request)/],
    ];
    for (const [part, spiffeId, attestedBy, account, expires] of expected) {
      const cells = byPart.get(part) ?? [];
      assert.equal(cells[1], spiffeId);
      assert.match(cells[2] ?? '', attestedBy);
      assert.equal(cells[3], account);
      assert.match(cells[4] ?? '', expires);
    }
    assert.match(byPart.get('you')?.[1] ?? '', /^spiffe:\/\/muster\.internal\/operator\//);
    assert.match(dev.stdout, new RegExp(`curl ${place.url}/\n`));
  });

  it('answers HTTP by the component', async () => {
    const answer = await ask(place.httpPort);
    assert.equal(answer.status, 200);
    assert.match(answer.body, /^Hello from a WebAssembly component/);
    assert.equal((await ask(place.httpPort, { path: '/nothing' })).status, 404);
  });

  it('lets the component say who it is, without showing its JWT-SVID', async () => {
    const answer = await ask(place.httpPort, { path: '/whoami' });
    assert.equal(answer.status, 200);
    const said = JSON.parse(answer.body) as {
      spiffeId: string;
      audience: string[];
      expiresAt: string;
      jti: string | null;
    };
    assert.deepEqual(Object.keys(said), ['spiffeId', 'audience', 'expiresAt', 'jti']);
    assert.equal(said.spiffeId, COMPONENT);
    assert.deepEqual(said.audience, ['spiffe://muster.internal/example']);
    const lifeMs = Date.parse(said.expiresAt) - Date.now();
    assert.ok(lifeMs > 0 && lifeMs <= 300_000);
    assert.doesNotMatch(answer.body + dev.stdout + dev.stderr, /eyJ/);
  });

  it('lists the host', async () => {
    const rows = await place.list<{ name: string; id: string; components: number; providers: number }>(
      'host',
      'list',
    );
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.name, 'host-1');
    assert.match(rows[0]?.id ?? '', /^N[A-Z2-7]{55}$/);
    assert.deepEqual([rows[0]?.components, rows[0]?.providers], [1, 1]);
  });

  it('lists the component', async () => {
    const rows = await place.list<{ id: string; application: string; hostName: string; reference: string }>(
      'component',
      'list',
    );
    assert.deepEqual(
      rows.map(({ id, application, hostName }) => [id, application, hostName]),
      [['hello-identity', 'hello', 'host-1']],
    );
    assert.match(rows[0]?.reference ?? '', /^file:\/\/.*\/hello-identity\.wasm$/);
  });

  it('lists two connections per host, ctl before rpc, each with the identity that the callout authorised', async () => {
    const rows = await place.list<ConnectionRow>('connection', 'list');
    const [ctl, rpc, ...others] = rows.filter(({ spiffeId }) => spiffeId === HOST);
    assert.deepEqual([ctl?.name, rpc?.name, others.length], ['ctl', 'rpc', 0]);
    assert.ok(ctl !== undefined && rpc !== undefined);
    assert.ok(ctl.clientId < rpc.clientId && ctl.startedAt <= rpc.startedAt);
    for (const row of rows) {
      assert.equal(row.user, row.spiffeId, "nats-server's own report names the same identity");
      assert.equal(row.account, 'HOSTS');
      assert.ok(row.ageMs >= 0 && row.requestId !== null && row.isRecordVerified);
      const leftMs = Date.parse(row.expiresAt) - Date.now();
      assert.ok(leftMs > 0 && leftMs <= 3_600_000);
    }
    assert.deepEqual(
      rows.filter(({ name }) => name === 'cli').length,
      1,
      'the command itself is the only operator',
    );
  });

  it('knows the identities from the audit stream as well, where there is no audit file', async () => {
    const elsewhere = join(place.folder, 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    copyFileSync(join(place.latticeDir, 'lattice.json'), join(elsewhere, 'lattice.json'));
    const { stdout } = await place.run(['connection', 'list', '-o', 'json'], {
      MUSTER_LATTICE_DIR: elsewhere,
    });
    const rows = JSON.parse(stdout) as ConnectionRow[];
    assert.deepEqual(
      rows.map(({ spiffeId, name }) => [spiffeId === HOST, name]),
      [
        [true, 'ctl'],
        [true, 'rpc'],
        [false, 'cli'],
      ],
    );
    assert.ok(rows.every(({ spiffeId }) => spiffeId !== null));
  });

  it('prints tables for people', async () => {
    const { stdout } = await place.run(['connection', 'list']);
    assert.match(stdout, /^SPIFFE ID +ACCOUNT +NAME +CLIENT +AGE +EXPIRES\n/);
    assert.doesNotMatch(stdout, /unverified/);
    assert.match(stdout, new RegExp(`^${HOST} +HOSTS +rpc +\\d+ +\\S+.* +in `, 'm'));
  });

  it('checks the audit records of each file and of the stream, and finds a record that was touched', async () => {
    for (const service of ['authority', 'callout', 'host-1']) {
      const { code, stdout, stderr } = await place.run(['audit', 'verify', auditFile(service)]);
      assert.deepEqual([code, stderr], [0, ''], stdout);
      assert.match(stdout, /^\w+ +\d+ +\S+Z +\S+Z +whole\n$/m);
    }
    const rows = await place.list<AuditRow>('audit', 'verify');
    assert.deepEqual(
      rows.map(({ service, isWhole }) => [service, isWhole]),
      [
        ['callout', true],
        ['host', true],
      ],
    );
    assert.equal(rows[0]?.isFromStart, false, 'the stream came after the first who got in');

    // What is written from now on goes after what was touched.
    const file = auditFile('callout');
    const [first = '', second = '', ...rest] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, [first, second.replace('"allow"', '"deny"'), ...rest].join('\n'));
    const { code, stderr } = await place.run(['audit', 'verify', file]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error ERR_AUDIT_CHAIN: .* line 2 of \S+ \(record 2, request \S+\) was changed.*\n$/,
    );
    const list = await place.run(['connection', 'list']);
    assert.equal(list.code, 0, 'the copy in the stream is whole');
    assert.match(list.stderr, /^warning: The audit chain of callout is broken: line 2 of .*\n$/);
    assert.match(list.stdout, new RegExp(`^${HOST} +HOSTS +ctl `, 'm'));
  });

  it('ends with Ctrl-C and leaves nothing but its cache', async () => {
    const { code } = await dev.interrupt('SIGINT');
    assert.equal(code, 0);
    assert.ok(dev.seen().length >= 4, 'nats-server, callout and host were seen as processes');
    await place.assertNothingLeft();
  });

  it('says that nothing runs any more', async () => {
    const { code, stderr } = await place.run(['host', 'list']);
    assert.equal(code, 1);
    assert.match(stderr, /^error ERR_LATTICE_NOT_RUNNING: .*muster dev.*\n$/);
  });
});
