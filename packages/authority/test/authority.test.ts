import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { silentLogger, systemClock, verifyAuditChain } from '@muster/lattice';
import {
  createX509Source,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  WorkloadApiClient,
  type X509Context,
} from '@muster/spiffe';
import { startAuthority, type AuthorityConfig, type RegistrationEntry } from '../src/index.ts';
import { entry, startTestAuthority, TRUST_DOMAIN } from './support/authority.ts';
import { countPidfds } from './support/descriptors.ts';
import { createFolder } from './support/folder.ts';
import { startFile, startScript } from './support/processes.ts';
import { TestClock } from './support/test-clock.ts';

const TD = TrustDomain.parse(TRUST_DOMAIN);
const CALLER = new URL('./support/caller.ts', import.meta.url).pathname;
const SERVER = new URL('./support/server.ts', import.meta.url).pathname;

function operatorEntry(): RegistrationEntry {
  return entry('/operator/me', {
    selectors: [
      { type: 'unix', value: `uid:${process.geteuid?.()}` },
      { type: 'muster', value: 'external' },
    ],
  });
}

describe('startAuthority', () => {
  it('opens private sockets and leaves neither socket nor descriptor behind', async () => {
    const pidfds = countPidfds();
    const test = await startTestAuthority({ entries: [entry('/one')] });
    assert.equal(statSync(test.socket).mode & 0o777, 0o600);
    assert.equal(statSync(test.delegatedSocket).mode & 0o777, 0o600);
    assert.deepEqual(test.authority.health().state, 'serving');
    await test.authority.stop();
    assert.deepEqual(readdirSync(test.folder.join('workload-api')), []);
    assert.deepEqual(readdirSync(test.folder.join('delegated')), []);
    assert.equal(test.authority.health().state, 'stopped');
    await test.authority.stop();
    await assert.rejects(test.authority.resume(), { code: 'ERR_AUTHORITY_STOPPED' });
    assert.throws(() => test.authority.expectChild('x', process.pid), { code: 'ERR_AUTHORITY_STOPPED' });
    await test[Symbol.asyncDispose]();
    assert.equal(countPidfds(), pidfds);
  });

  it('refuses a second authority on the same sockets, and the first goes on', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    const config = { trustDomain: TRUST_DOMAIN, workloadApiSocket: test.socket };
    const dependencies = { logger: silentLogger, clock: systemClock };
    await assert.rejects(startAuthority(config, dependencies), { code: 'ERR_SOCKET_IN_USE' });
    assert.equal((await test.workloadApi().fetchX509Context()).svids.length, 1);
    await test.authority.pause();
    await assert.rejects(
      startAuthority(config, dependencies),
      { code: 'ERR_SOCKET_IN_USE' },
      'also while paused',
    );
  });

  it('refuses both sockets in one directory', async () => {
    using folder = createFolder();
    const config = {
      trustDomain: TRUST_DOMAIN,
      workloadApiSocket: folder.join('a.sock'),
      delegatedSocket: folder.join('b.sock'),
    };
    await assert.rejects(startAuthority(config, { logger: silentLogger, clock: systemClock }), {
      code: 'ERR_CONFIG_INVALID',
    });
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('leaves nothing open when it cannot start', async () => {
    using folder = createFolder();
    mkdirSync(folder.join('w'), { mode: 0o700 });
    const workloadApiSocket = folder.join('w/api.sock');
    const config = { trustDomain: TRUST_DOMAIN, workloadApiSocket };
    const dependencies = { logger: silentLogger, clock: systemClock };
    await assert.rejects(
      startAuthority({ ...config, delegatedSocket: folder.join('no/api.sock') }, dependencies),
      {
        code: 'ERR_SOCKET_PATH',
      },
    );
    assert.equal(existsSync(workloadApiSocket), false);
    const authority = await startAuthority(config, dependencies);
    await authority.stop();
  });

  it('reads entries from a file in the format of SPIRE', async () => {
    using folder = createFolder();
    const file = folder.join('entries.json');
    writeFileSync(file, JSON.stringify({ entries: [entry('/one', { id: 'one' })] }));
    await using test = await startTestAuthority({ entriesFile: file });
    assert.deepEqual(
      test.authority.entries.list().map(({ id }) => id),
      ['one'],
    );
  });

  it('refuses what it does not understand', async () => {
    using folder = createFolder();
    const good: AuthorityConfig = { trustDomain: TRUST_DOMAIN, workloadApiSocket: folder.join('api.sock') };
    const bad: readonly Record<string, unknown>[] = [
      { unknown: 1 },
      { trustDomain: 'UPPER' },
      { trustDomain: 'a..b' },
      { trustDomain: '.a' },
      { trustDomain: '' },
      { trustDomain: 'spiffe://muster.internal' },
      { workloadApiSocket: 7 },
      { entries: [], entriesFile: '/x' },
      { entries: {} },
      { authorizedDelegates: ['x'] },
      { authorizedDelegates: ['spiffe://foreign.example/host'] },
      { authorizedDelegates: [`spiffe://${TRUST_DOMAIN}`] },
      { x509SvidTtlMs: 0 },
      { x509SvidTtlMs: 10.5 },
      { jwtSvidTtlMs: Number.NaN },
      { caTtlMs: 10_000 },
      { callsPerSecond: 0 },
    ];
    for (const change of bad) {
      await assert.rejects(
        startAuthority({ ...good, ...change }, { logger: silentLogger, clock: systemClock }),
        { code: 'ERR_CONFIG_INVALID' },
        JSON.stringify(change),
      );
    }
    await assert.rejects(
      startAuthority({ ...good, entriesFile: '/nonexistent' }, { logger: silentLogger, clock: systemClock }),
      { code: 'ERR_ENTRIES_FILE' },
    );
  });

  it('writes a hash-chained audit file', async () => {
    using folder = createFolder();
    const auditFile = folder.join('audit.jsonl');
    {
      await using test = await startTestAuthority({ entries: [entry('/one')], auditFile });
      await test.workloadApi().fetchJwtSvids({ audience: ['a'] });
      await test.workloadApi().fetchX509Context();
      await assert.rejects(
        test.delegatedApi().fetchJwtSvids({ selectors: [{ type: 'a', value: 'b' }], audience: ['a'] }),
      );
    }
    const lines = readFileSync(auditFile, 'utf8').trimEnd().split('\n');
    const records = verifyAuditChain(lines);
    assert.deepEqual(
      records.map(({ decision }) => decision),
      ['allow', 'allow', 'deny'],
    );
    assert.match(JSON.stringify(records[1]?.details['serial']), /^"01[0-9a-f]{32}"$/);
  });
});

describe('pause and resume', () => {
  it('drops streams and sockets, keeps keys and entries', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    const before = test.authority.bundle();
    const contexts: X509Context[] = [];
    const errors: Error[] = [];
    let wake: () => void = () => {};
    const watch = test.workloadApi().watchX509Context({
      onUpdate: (context) => {
        contexts.push(context);
        wake();
      },
      onError: (error) => {
        errors.push(error);
        wake();
      },
    });
    const until = async (isDone: () => boolean): Promise<void> => {
      while (!isDone()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    await until(() => contexts.length === 1);
    await test.authority.pause();
    await test.authority.pause();
    assert.equal(existsSync(test.socket), false);
    assert.equal(test.authority.health().state, 'paused');
    await until(() => errors.length > 0);
    await test.authority.resume();
    assert.equal(test.authority.health().state, 'serving');
    await until(() => contexts.length === 2);
    assert.equal(test.authority.bundle(), before);
    await watch.close();
  });
});

describe('attestation of real processes', () => {
  it('tells a child by name, a stranger child, and itself apart', async () => {
    await using test = await startTestAuthority({
      entries: [
        entry('/callout', { selectors: [{ type: 'muster', value: 'child:callout' }] }),
        entry('/host', { selectors: [{ type: 'muster', value: 'child:host' }] }),
        operatorEntry(),
        entry('/authority'),
      ],
    });
    await using callout = startFile(CALLER, test.address);
    test.authority.expectChild('callout', callout.pid);
    await using stranger = startFile(CALLER, test.address);
    callout.tell('fetch');
    stranger.tell('fetch');
    assert.equal(await callout.line(), `spiffe://${TRUST_DOMAIN}/callout`);
    assert.equal(await stranger.line(), 'ERR_NO_IDENTITY', 'a descendant of this process is not external');
    const [own] = await test.workloadApi().fetchJwtSvids({ audience: ['a'] });
    assert.equal(own?.id.path, '/authority');

    test.authority.forgetChild('callout');
    callout.tell('fetch');
    assert.equal(await callout.line(), 'ERR_NO_IDENTITY', 'each call is attested anew');
    test.authority.expectChild('host', callout.pid);
    callout.tell('fetch');
    assert.equal(await callout.line(), `spiffe://${TRUST_DOMAIN}/host`);
  });

  it('knows a descendant whose parent ended: to hang below init would make it a stranger', async () => {
    await using test = await startTestAuthority({ entries: [operatorEntry()] });
    const script = `
      require('node:child_process').spawn(
        process.execPath,
        ['--conditions=@muster/source', ...process.argv.slice(1), process.pid],
        { detached: true, stdio: 'inherit' },
      ).unref();
    `;
    await using orphan = startScript(script, CALLER, test.address);
    assert.equal(await orphan.line(), 'ERR_NO_IDENTITY');
  });

  it('serves a process that is no descendant as external, and nobody else', async () => {
    using folder = createFolder();
    const address = `unix://${folder.join('api.sock')}`;
    await using server = startFile(SERVER, folder.join('api.sock'), JSON.stringify([operatorEntry()]));
    assert.equal(await server.line(), 'serving');
    await using client = new WorkloadApiClient({ address });
    const [svid] = await client.fetchJwtSvids({ audience: ['a'] });
    assert.equal(svid?.id.path, '/operator/me', 'this process is the parent of the authority');
    await using sibling = startFile(CALLER, address);
    sibling.tell('fetch');
    assert.equal(await sibling.line(), `spiffe://${TRUST_DOMAIN}/operator/me`);
    server.tell(`spawn ${CALLER} ${address}`);
    assert.equal(await server.line(), 'ERR_NO_IDENTITY', 'a child of the authority');
    server.tell('self');
    assert.equal(await server.line(), 'ERR_NO_IDENTITY', 'the authority itself');
  });
});

describe('short lives', () => {
  it('pushes 10 s SVIDs at half of their life through a source that never runs dry', async () => {
    // Never far from the real time, by which the client judges what it gets.
    const clock = new TestClock(Date.now() - 4000);
    await using test = await startTestAuthority(
      { entries: [entry('/one')], x509SvidTtlMs: 10_000, jwtSvidTtlMs: 10_000, caTtlMs: 60_000 },
      clock,
    );
    const contexts: X509Context[] = [];
    let wake: () => void = () => {};
    const watch = test.workloadApi().watchX509Context({
      onUpdate: (context) => {
        contexts.push(context);
        wake();
      },
    });
    const update = async (count: number): Promise<void> => {
      while (contexts.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    await update(1);
    for (let pushes = 1; pushes <= 2; pushes++) {
      clock.advance(5500);
      await update(pushes + 1);
      const context = contexts[pushes];
      const svid = context?.svids[0];
      assert.ok(context && svid);
      const { expiresAt } = verifyX509Svid(svid.certificates, context.bundles, { now: clock.now() });
      assert.ok(expiresAt - clock.now() > 8000);
    }
    const serials = new Set(
      contexts.map(({ svids }) => Buffer.from(svids[0]?.certificates[0] ?? []).toString('base64')),
    );
    assert.equal(serials.size, 3);
    await watch.close();
  });

  it('issues what verifies against the published bundle at every moment of ten CA lives', async () => {
    const clock = new TestClock();
    await using test = await startTestAuthority(
      {
        entries: [entry('/one')],
        x509SvidTtlMs: 10_000,
        jwtSvidTtlMs: 10_000,
        caTtlMs: 60_000,
        callsPerSecond: 10_000,
      },
      clock,
    );
    const workload = test.workloadApi();
    const sequences = new Set<number>();
    for (let step = 0; step < 120; step++) {
      const [svid] = await workload.fetchJwtSvids({ audience: ['a'] });
      assert.ok(svid);
      const early = await workload.fetchJwtBundles();
      verifyJwtSvid(svid.token, { bundles: early, audience: 'a', now: clock.now() });
      sequences.add(test.authority.health().bundleSequence);
      clock.advance(5000);
      if (svid.expiresAt > clock.now()) {
        const late = await workload.fetchJwtBundles();
        verifyJwtSvid(svid.token, { bundles: late, audience: 'a', now: clock.now() });
      }
    }
    assert.ok(sequences.size > 10);
  });

  it('survives a clock that jumps a day ahead and back', async () => {
    const clock = new TestClock();
    await using test = await startTestAuthority(
      { entries: [entry('/one')], x509SvidTtlMs: 10_000, jwtSvidTtlMs: 10_000, caTtlMs: 60_000 },
      clock,
    );
    const workload = test.workloadApi();
    for (const jump of [86_400_000, -86_400_000, -86_400_000, 3 * 86_400_000, 100_000]) {
      clock.jump(jump);
      const [svid] = await workload.fetchJwtSvids({ audience: ['a'] });
      assert.ok(svid);
      const bundles = await workload.fetchJwtBundles();
      const verified = verifyJwtSvid(svid.token, { bundles, audience: 'a', now: clock.now() });
      assert.ok(verified.expiresAt > clock.now());
      assert.ok(test.authority.health().caExpiresAt > clock.now());
    }
  });

  it('withdraws an entry at the moment it expires', async () => {
    const clock = new TestClock(Math.floor(Date.now() / 1000) * 1000);
    const expires_at = clock.now() / 1000 + 3;
    await using test = await startTestAuthority({ entries: [entry('/one', { expires_at })] }, clock);
    const source = await createX509Source({ address: test.address });
    assert.equal(source.getX509Svid().expiresAt, expires_at * 1000, 'no SVID outlives its entry');
    const changed = new Promise<string>((resolve) => source.onChange((state) => resolve(state)));
    clock.advance(1500);
    clock.advance(1500);
    assert.notEqual(await changed, 'valid');
    await source.close();
  });

  it('verifies only in its own trust domain', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    const { svids, bundles } = await test.workloadApi().fetchX509Context();
    const [svid] = svids;
    assert.ok(svid);
    assert.equal(verifyX509Svid(svid.certificates, bundles).id.trustDomain.name, TD.name);
    await using other = await startTestAuthority({ entries: [entry('/one')] });
    const foreign = await other.workloadApi().fetchX509Context();
    assert.throws(() => verifyX509Svid(svid.certificates, foreign.bundles));
  });
});
