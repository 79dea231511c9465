import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import {
  auditProblems,
  auditSubject,
  CALLOUT_QUEUE,
  createNkey,
  createXkey,
  parseAuditRecord,
  systemSubjects,
  verifyAuditChain,
} from '@muster/lattice';
import type { Clock } from '@muster/lattice';
import { CALLOUT_AUDIT } from '../src/audit-records.ts';
import type { FollowedBundles } from '../src/bundle-keeper.ts';
import { startCallout } from '../src/callout.ts';
import type { Callout, CalloutDependencies } from '../src/callout.ts';
import type { CalloutConfig } from '../src/config.ts';
import { defaultRules } from '../src/default-rules.ts';
import { FakeConnection } from './fake-connection.ts';
import { FakeNatsServer } from './fake-nats-server.ts';
import { AUDIENCE, HOST_ID, NOW, TestIssuer, TRUST_DOMAIN } from './support.ts';

const issuerKey = createNkey('A');
const xkey = createXkey();
const userKey = createNkey('U');
const issuer = new TestIssuer();
const server = new FakeNatsServer(issuerKey.publicKey, xkey.publicKey);

/** Time stands at NOW; timers are the machine's, but none of these tests waits for one. */
const clock: Clock = {
  now: () => NOW,
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

interface Running {
  readonly callout: Callout;
  readonly fake: FakeConnection;
  readonly logged: { message: string; fields: Record<string, unknown> }[];
  /** Bundles as the test leaves them; undefined: none. */
  bundle: TestIssuer['bundle'] | undefined;
  changed: () => void;
}

async function start(
  context: TestContext,
  config: Partial<CalloutConfig> = {},
  over: Partial<CalloutDependencies> = {},
): Promise<Running> {
  const fake = new FakeConnection();
  const logged: Running['logged'] = [];
  const log = (message: string, fields: Record<string, unknown> = {}): void =>
    void logged.push({ message, fields });
  const state = { bundle: issuer.bundle as TestIssuer['bundle'] | undefined, changed: () => {} };
  const bundles: FollowedBundles = {
    getJwtBundle: (trustDomain) => (trustDomain.name === TRUST_DOMAIN ? state.bundle : undefined),
    getX509Bundle: () => undefined,
    onChange: (listener) => {
      state.changed = listener;
      return () => {};
    },
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const callout = await startCallout(
    {
      servers: [],
      trustDomain: TRUST_DOMAIN,
      lattice: 'default',
      rules: defaultRules({ trustDomain: TRUST_DOMAIN, lattice: 'default' }),
      workloadApi: 'unix:///nowhere',
      keys: { issuerSeed: issuerKey.seed(), xkeySeed: xkey.seed(), userSeed: userKey.seed() },
      ...config,
    },
    {
      clock,
      logger: { debug: log, info: log, warn: log, error: log },
      bundles,
      connection: fake.connection,
      ...over,
    },
  );
  context.after(async () => {
    await callout.stop();
    for (const { data } of fake.published)
      assert.deepEqual(auditProblems(CALLOUT_AUDIT, parseAuditRecord(data)), []);
  });
  return Object.assign(state, { callout, fake, logged });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

function scratch(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-callout-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('it joins the queue group for authorization requests, answers them, and counts', async (context) => {
  const { callout, fake } = await start(context);
  assert.deepEqual(
    [...fake.subscriptions].map(({ subject, options }) => [subject, options.queue]),
    [[systemSubjects.authorizationRequest, CALLOUT_QUEUE]],
  );
  const good = fake.ask(server.request(issuer.issue(HOST_ID)), server.xkey.publicKey);
  const bad = fake.ask(server.request('garbage'), server.xkey.publicKey);
  const forged = fake.ask(
    server.request(issuer.issue(HOST_ID), { signer: createNkey('N') }),
    server.xkey.publicKey,
  );
  const plain = fake.ask(Buffer.from(server.text(issuer.issue(HOST_ID))), undefined);
  await turn();
  assert.notEqual(typeof server.read(good.answer), 'string');
  assert.equal(server.read(bad.answer), 'denied');
  assert.equal(forged.answer, undefined);
  assert.equal(plain.answer, undefined);
  const { allowed, denied, ignored, shed, isSubscribed } = callout.stats();
  assert.deepEqual(
    { allowed, denied, ignored, shed, isSubscribed },
    { allowed: 1, denied: 1, ignored: 2, shed: 0, isSubscribed: true },
  );
});

test('each decision is in the file before it is answered, and is published (I4)', async (context) => {
  const auditFile = join(scratch(context), 'audit.jsonl');
  const { fake } = await start(context, { auditFile });
  fake.ask(server.request(issuer.issue(HOST_ID)), server.xkey.publicKey);
  fake.ask(server.request(undefined), server.xkey.publicKey);
  fake.ask(new Uint8Array(), undefined);
  await turn();
  const lines = readFileSync(auditFile, 'utf8').split('\n').slice(0, -1);
  assert.deepEqual(
    verifyAuditChain(lines).map(({ decision }) => decision),
    ['allow', 'deny', 'deny'],
  );
  assert.deepEqual(
    fake.published.map(({ subject, data }) => [subject, Buffer.from(data).toString()]),
    lines.map((line) => [auditSubject('default', 'callout'), line]),
  );
});

test('nobody is let in when the decision cannot be audited', async (context) => {
  const auditFile = '/dev/full';
  await assert.rejects(start(context, { auditFile }), { code: 'ERR_AUDIT_WRITE' });
  const file = join(scratch(context), 'audit.jsonl');
  const { callout, fake, logged } = await start(context, {
    auditFile: file,
    auditWrite: () => {
      throw new Error('disk full');
    },
  });
  const asked = fake.ask(server.request(issuer.issue(HOST_ID)), server.xkey.publicKey);
  const refused = fake.ask(server.request('garbage'), server.xkey.publicKey);
  await turn();
  assert.equal(server.read(asked.answer), 'denied');
  assert.equal(server.read(refused.answer), 'denied');
  assert.deepEqual([callout.stats().allowed, callout.stats().unaudited], [0, 2]);
  assert.equal(
    logged.some(({ message }) => message === 'audit record could not be written'),
    true,
  );
  assert.equal(fake.published.length, 0);
});

test('records are not piled up for a connection that is down', async (context) => {
  const { fake } = await start(context);
  fake.isUp = false;
  fake.ask(server.request('x'), server.xkey.publicKey);
  await turn();
  assert.deepEqual(fake.published, []);
  fake.isUp = true;
});

test('requests over the bound are dropped and audited, and the rest is served', async (context) => {
  const { callout, fake } = await start(context, { maxInFlight: 2 });
  const asked = [1, 2, 3, 4].map(() =>
    fake.ask(server.request(issuer.issue(HOST_ID)), server.xkey.publicKey),
  );
  await turn();
  assert.deepEqual(
    asked.map(({ answer }) => answer !== undefined),
    [true, true, false, false],
  );
  assert.deepEqual([callout.stats().allowed, callout.stats().shed], [2, 2]);
  const reasons = fake.published.map(
    ({ data }) => (JSON.parse(Buffer.from(data).toString()) as { reason: string }).reason.split(':')[0],
  );
  assert.equal(reasons.filter((reason) => reason === 'ERR_REQUEST_SHED').length, 2);
});

test('without bundles everybody is refused; with them again, let in; a remembered token does not outlive its key', async (context) => {
  const running = await start(context, { tokenCacheSize: 10 });
  const ask = async (): Promise<boolean> => {
    const asked = running.fake.ask(server.request(token), server.xkey.publicKey);
    await turn();
    return typeof server.read(asked.answer) !== 'string';
  };
  const token = issuer.issue(HOST_ID);
  running.bundle = undefined;
  assert.equal(await ask(), false);
  running.bundle = issuer.bundle;
  assert.equal(await ask(), true);
  running.bundle = new TestIssuer('key-2').bundle;
  running.changed();
  assert.equal(await ask(), false);
});

test('stopping leaves the queue group, answers what waits and wipes the keys', async (context) => {
  const { callout, fake } = await start(context);
  const asked = fake.ask(server.request(issuer.issue(HOST_ID)), server.xkey.publicKey);
  await callout.stop();
  assert.notEqual(typeof server.read(asked.answer), 'string');
  assert.equal(fake.subscriptions.size, 0);
  assert.equal(fake.isClosed, true);
  await callout.stop();
});

test('neither tokens nor seeds nor reasons for the client are in the log', async (context) => {
  const { fake, logged } = await start(context);
  const tokens = [issuer.issue(HOST_ID), new TestIssuer().issue(HOST_ID), 'a.b.c-secret'];
  for (const token of tokens) fake.ask(server.request(token), server.xkey.publicKey);
  await turn();
  const text = JSON.stringify(logged);
  assert.equal(logged.length > 3, true);
  for (const token of tokens) assert.equal(text.includes(token.slice(-12)), false);
  assert.equal(/S[AUX][A-Z2-7]{56}/.test(text), false);
});

const base = { keys: { issuerSeed: issuerKey.seed(), xkeySeed: xkey.seed(), userSeed: userKey.seed() } };
const wrong: readonly (readonly [string, string, Partial<CalloutConfig>])[] = [
  ['a life beyond one hour', 'ERR_CALLOUT_CONFIG', { userTtlMs: 3_600_001 }],
  ['no room for requests', 'ERR_CALLOUT_CONFIG', { maxInFlight: 0 }],
  ['a life that is no number', 'ERR_CALLOUT_CONFIG', { userTtlMs: Number.NaN }],
  ['a lattice that is no token', 'ERR_SUBJECT_TOKEN', { lattice: 'a.b' }],
  ['a trust domain that is none', 'ERR_ID_TRUST_DOMAIN_CHARACTER', { trustDomain: 'A b' }],
  ['a rule document that is none', 'ERR_RULES_MALFORMED', { rules: {} as CalloutConfig['rules'] }],
  [
    'the issuer seed in place of the xkey seed',
    'ERR_NKEY_MALFORMED',
    { keys: { ...base.keys, xkeySeed: base.keys.issuerSeed } },
  ],
  [
    'a user seed in place of the issuer seed',
    'ERR_CALLOUT_CONFIG',
    { keys: { ...base.keys, issuerSeed: base.keys.userSeed } },
  ],
  [
    'an account seed in place of the user seed',
    'ERR_CALLOUT_CONFIG',
    { keys: { ...base.keys, userSeed: base.keys.issuerSeed } },
  ],
];

for (const [what, code, config] of wrong) {
  test(`it does not start with ${what}`, async (context) => {
    await assert.rejects(start(context, config), { code });
  });
}

test('the audience is the SPIFFE ID of the callout unless told otherwise', async (context) => {
  const { logged } = await start(context);
  assert.equal(
    logged.find(({ message }) => message === 'callout is answering')?.fields['audience'],
    AUDIENCE,
  );
});

test('setting the clock is no lag and makes no request late, and hides neither', async (context) => {
  let [now, elapsed] = [NOW, 0];
  let tick = (): void => {};
  const over: Partial<CalloutDependencies> = {
    clock: {
      now: () => now,
      setTimeout: (run) => {
        tick = run;
        return {};
      },
      clearTimeout: () => {},
    },
    elapsed: () => elapsed,
  };
  const { callout, fake } = await start(context, {}, over);
  const ask = (): { answer?: unknown } =>
    fake.ask(server.request(issuer.issue(HOST_ID)), server.xkey.publicKey);

  const wait = (): void => void (elapsed += 100);
  for (const jumpMs of [3_600_000, -3_600_000, -3_600_000]) {
    now += jumpMs;
    wait();
    tick();
    assert.deepEqual([callout.stats().lagMs, callout.stats().isSubscribed], [0, true]);
  }
  now = NOW;
  ask();
  // Set while the request waits.
  now = NOW + 3_600_000;
  await turn();
  assert.equal(callout.stats().shed, 0);
  now = NOW;
  ask();
  elapsed += 60_000;
  await turn();
  assert.equal(callout.stats().shed, 1);

  // The clock was set back by as much as the loop was late.
  now -= 60_000;
  tick();
  assert.deepEqual([callout.stats().lagMs > 50_000, callout.stats().isSubscribed], [true, false]);
});
