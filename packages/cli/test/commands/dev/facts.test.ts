import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Expiries } from '../../../src/commands/dev/expiries.ts';
import { devEntries, devIdentities } from '../../../src/commands/dev/identities.ts';
import type { DevOptions } from '../../../src/commands/dev/options.ts';
import { readLogLine, readReadyLine } from '../../../src/commands/dev/part-line.ts';
import { childEnvironment } from '../../../src/commands/dev/plans.ts';
import { partRows, renderSummary } from '../../../src/commands/dev/summary.ts';

const OPTIONS: DevOptions = {
  lattice: 'default',
  trustDomain: 'example.org',
  natsPort: 0,
  httpPort: 0,
  hosts: 2,
  component: 'hello',
  operator: 'ann',
  x509SvidTtlMs: 3_600_000,
  jwtSvidTtlMs: 300_000,
};
const COMPONENT = {
  id: 'hello',
  application: 'app',
  file: '/c/hello.wasm',
  digest: 'sha256:00',
  source: 'file',
} as const;
const IDENTITIES = devIdentities(OPTIONS, [COMPONENT]);

describe('devIdentities', () => {
  it('follows the naming of the project', () => {
    assert.deepEqual(IDENTITIES, {
      authority: 'spiffe://example.org/authority',
      nats: 'spiffe://example.org/nats/nats-1',
      callout: 'spiffe://example.org/callout',
      operator: 'spiffe://example.org/operator/ann',
      hosts: [
        'spiffe://example.org/lattice/default/host/host-1',
        'spiffe://example.org/lattice/default/host/host-2',
      ],
      components: { hello: 'spiffe://example.org/lattice/default/app/app/component/hello' },
    });
  });

  it('refuses names that would change the path', () => {
    assert.throws(() => devIdentities({ ...OPTIONS, operator: '../callout' }, []), /SPIFFE ID/);
    assert.throws(() => devIdentities({ ...OPTIONS, trustDomain: 'a/b' }, []), /trust domain/);
  });
});

describe('devEntries', () => {
  const entries = devEntries(OPTIONS, IDENTITIES, [COMPONENT], 1000);
  const selectors = (spiffeId: string): string[][] =>
    entries
      .filter(({ spiffe_id }) => spiffe_id === spiffeId)
      .map((entry) => entry.selectors.map(({ type, value }) => `${type}:${value}`));

  it('gives each part its identity for being the child of that name', () => {
    assert.deepEqual(selectors(IDENTITIES.nats), [['muster:child:nats', 'unix:uid:1000']]);
    assert.deepEqual(selectors(IDENTITIES.callout), [['muster:child:callout', 'unix:uid:1000']]);
    assert.deepEqual(selectors(IDENTITIES.hosts[1] ?? ''), [['muster:child:host-2', 'unix:uid:1000']]);
  });

  it('gives the operator his to no descendant of the authority', () => {
    assert.deepEqual(selectors(IDENTITIES.operator), [
      ['muster:external', 'unix:uid:1000'],
      ['muster:self', 'unix:uid:1000'],
    ]);
  });

  it('names everything about a component, and the host that may ask for it', () => {
    const [entry] = entries.filter(({ spiffe_id }) => spiffe_id === IDENTITIES.components['hello']);
    assert.equal(entry?.parent_id, IDENTITIES.hosts[0]);
    assert.deepEqual(selectors(IDENTITIES.components['hello'] ?? ''), [
      [
        'wasm:component-digest:sha256:00',
        'wasm:component-id:hello',
        'wasm:app:app',
        'wasm:lattice:default',
        `wasm:host-id:${IDENTITIES.hosts[0] ?? ''}`,
      ],
    ]);
  });

  it('gives nats-server, which cannot renew, a longer life than the others', () => {
    const lifeOf = (options: DevOptions): unknown =>
      devEntries(options, IDENTITIES, [COMPONENT], 1000).find(
        ({ spiffe_id }) => spiffe_id === IDENTITIES.nats,
      )?.x509_svid_ttl;
    assert.equal(lifeOf(OPTIONS), 86_400);
    assert.equal(lifeOf({ ...OPTIONS, serverSvidTtlMs: 25_000 }), 25);
  });

  it('never gives two parts one entry, and every entry a selector', () => {
    assert.equal(new Set(entries.map((entry) => JSON.stringify(entry.selectors))).size, entries.length);
    assert.ok(entries.every((entry) => entry.selectors.length >= 2));
  });
});

describe('childEnvironment', () => {
  it('passes on nothing that could be a secret', () => {
    const env = {
      PATH: '/bin',
      HOME: '/h',
      AWS_SECRET_ACCESS_KEY: 'x',
      NODE_OPTIONS: '--inspect',
      NPM_TOKEN: 'x',
      SSH_AUTH_SOCK: 'x',
    };
    assert.deepEqual(childEnvironment(env), { PATH: '/bin', HOME: '/h' });
  });
});

describe('log lines of parts', () => {
  it('reads those of our services', () => {
    const text = JSON.stringify({
      ip: '::1',
      error: { code: 'ERR_X', message: 'no' },
      n: 1,
      at: 't',
      level: 'warn',
      service: 's',
      message: 'said',
    });
    assert.deepEqual(readLogLine('host-1', text), {
      part: 'host-1',
      level: 'warn',
      text: 'said ip=::1 error="ERR_X: no" n=1',
    });
  });

  it('takes anything else for last words', () => {
    assert.deepEqual(readLogLine('host-1', 'error ERR_X: y'), {
      part: 'host-1',
      level: 'error',
      text: 'error ERR_X: y',
    });
    assert.deepEqual(readLogLine('host-1', '{broken'), { part: 'host-1', level: 'warn', text: '{broken' });
    assert.equal(readLogLine('host-1', ' '), undefined);
  });

  it('tells the ready line from others', () => {
    assert.deepEqual(readReadyLine('{"event":"ready","hostId":"N"}'), { event: 'ready', hostId: 'N' });
    assert.equal(readReadyLine('{"event":"other"}'), undefined);
    assert.equal(readReadyLine('ready'), undefined);
  });
});

describe('Expiries', () => {
  const record = (spiffeId: string, kind: string, expiresAt: string, decision = 'allow'): Uint8Array =>
    Buffer.from(
      JSON.stringify({
        schema: 'muster.audit.v1',
        seq: 1,
        at: '',
        service: 'authority',
        requestId: '',
        spiffeId,
        decision,
        rule: null,
        reason: '',
        details: { kind, expiresAt },
        prevHash: '',
        hash: '',
      }),
    );

  it('prefers the X.509-SVID and follows renewals', () => {
    const expiries = new Expiries();
    expiries.record(record('a', 'jwt', '2026-01-01T00:00:00.000Z'));
    assert.equal(expiries.expiresAt('a'), Date.parse('2026-01-01'));
    expiries.record(record('a', 'x509', '2026-01-02T00:00:00.000Z'));
    expiries.record(record('a', 'jwt', '2026-01-05T00:00:00.000Z'));
    expiries.record(record('a', 'x509', '2026-01-03T00:00:00.000Z'));
    expiries.record(record('a', 'x509', '2026-01-09T00:00:00.000Z', 'deny'));
    assert.equal(expiries.expiresAt('a'), Date.parse('2026-01-03'));
    assert.equal(expiries.expiresAt('b'), undefined);
  });
});

describe('the summary', () => {
  const rows = partRows({
    identities: IDENTITIES,
    entries: devEntries(OPTIONS, IDENTITIES, [COMPONENT], 1000),
    connections: [],
    running: ['hello'],
    authority: { caExpiresAt: 172_800_000, attestation: 'pidfd' },
    expiresAt: (id) => (id === IDENTITIES.callout ? 3_600_000 : undefined),
  });

  it('has a row per part, from the authority down to the person', () => {
    assert.deepEqual(
      rows.map(({ part }) => part),
      ['authority', 'nats-server', 'callout', 'host-1', 'host-2', 'hello', 'you'],
    );
    assert.equal(rows[2]?.attestedBy, 'child callout, uid 1000 (pidfd)');
    assert.equal(rows[2]?.account, 'AUTH');
  });

  it('is a table where it fits, and three lines per part where not', () => {
    assert.match(
      renderSummary(rows, 0, 160),
      /^PART +SPIFFE ID +ATTESTED BY +ACCOUNT +EXPIRES\nauthority +spiffe:\/\/example\.org\/authority +root of trust +- +in 2d\n/,
    );
    const narrow = renderSummary(rows, 0, 80);
    assert.match(
      narrow,
      /^callout\n {2}spiffe:\/\/example\.org\/callout\n {2}by child callout, uid 1000 \(pidfd\) · account AUTH · expires in 1h\n/m,
    );
    assert.ok(narrow.split('\n').every((line) => line.length <= 80));
  });

  it('says of parts without the own authority that their provider attests them', () => {
    const foreign = partRows({
      identities: IDENTITIES,
      entries: [],
      connections: [],
      running: [],
      authority: undefined,
      expiresAt: () => undefined,
    });
    assert.deepEqual(
      foreign.map(({ part }) => part),
      ['nats-server', 'callout', 'host-1', 'host-2', 'you'],
    );
    assert.ok(foreign.every(({ attestedBy }) => attestedBy === 'its provider'));
  });
});
