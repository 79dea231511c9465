import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Session } from '@muster/cli';
import { statusOf } from '../support/http.ts';
import { describeLoad } from '../support/load.ts';
import type { LoadReport } from '../support/load.ts';
import { eventually } from '../support/wait.ts';
import { Lattice } from './lattice.ts';

const SVID_LIFE_MS = 10_000;
/** A host may take this long to be back once what it needs is back. */
const RECOVERY_MS = 30_000;

let it: Lattice;

before(async () => {
  it = await Lattice.start({ x509SvidTtlMs: SVID_LIFE_MS, jwtSvidTtlMs: SVID_LIFE_MS });
});

after(() => it.stop());

interface Counts {
  readonly hello: LoadReport;
  readonly whoami: LoadReport;
}

/** Runs one fault under load, prints what became of the requests and fails on any wrong answer. */
async function underLoad(context: TestContext, fault: () => Promise<void>): Promise<Counts> {
  const load = it.load();
  await sleep(500);
  try {
    await fault();
    const since = performance.now();
    await eventually('the component answers', () => it.isAnswering(), RECOVERY_MS);
    await eventually('the host answers on NATS', () => it.isHostThere(), RECOVERY_MS);
    context.diagnostic(`back ${Math.round(performance.now() - since)} ms after the end of the fault`);
    await sleep(500);
  } finally {
    await load.stop();
  }
  const counts = { hello: load.hello.report(), whoami: load.whoami.report() };
  for (const [name, report] of Object.entries(counts)) {
    context.diagnostic(`/${name}: ${describeLoad(report)}`);
    assert.equal(report.wrong, 0, report.samples.join('\n'));
    assert.ok(report.right > 0);
  }
  return counts;
}

function assertUndisturbed({ hello, whoami }: Counts): void {
  for (const { refused, lost } of [hello, whoami])
    assert.deepEqual({ refused, lost }, { refused: 0, lost: 0 });
}

/** Each of the two connections comes back at its own pace. */
async function assertConnected(): Promise<void> {
  const names = async (): Promise<string> =>
    (await it.hostConnections())
      .map(({ name }) => name)
      .toSorted()
      .join();
  await eventually('both connections', async () => (await names()) === 'ctl,rpc', RECOVERY_MS);
}

async function isAnsweredIn({ control }: Session): Promise<boolean> {
  const answers = await control.ping({ expected: 1 }).catch(() => []);
  return answers.length === 1;
}

async function connectionIds(): Promise<string[]> {
  const rows = await it.hostConnections();
  return rows.map(({ name, clientId }) => `${name} ${clientId}`).toSorted();
}

test('an authority that is away for less than half of a life is not missed', async (context) => {
  const before = await connectionIds();
  assert.equal(before.length, 2);
  assertUndisturbed(
    await underLoad(context, async () => {
      await it.authority.pause();
      await sleep(3_000);
      await it.authority.resume();
    }),
  );
  assert.deepEqual(await connectionIds(), before);
});

test('an authority that stays away ends serving and both connections at the end of the SVID', async (context) => {
  await underLoad(context, async () => {
    await it.authority.pause();
    const pausedAt = performance.now();
    await eventually('503', async () => (await statusOf(it.port)) === 503, SVID_LIFE_MS + 5_000);
    context.diagnostic(`503 after ${Math.round(performance.now() - pausedAt)} ms without the authority`);
    await eventually(
      'no connection of the host',
      async () => (await it.hostConnections()).length === 0,
      5_000,
    );
    await it.authority.resume();
  });
  await assertConnected();
});

test('an identity that is withdrawn ends serving and both connections, until it is given back', async (context) => {
  await underLoad(context, async () => {
    const giveBack = it.withdraw('/host/host-1');
    const since = performance.now();
    await eventually('503', async () => (await statusOf(it.port)) === 503, 5_000);
    await eventually(
      'no connection of the host',
      async () => (await it.hostConnections()).length === 0,
      5_000,
    );
    context.diagnostic(`out ${Math.round(performance.now() - since)} ms after the withdrawal`);
    assert.equal(await it.isHostThere(), false);
    giveBack();
  });
  await assertConnected();
});

test("a component's identity that is withdrawn is gone within half of its JWT-SVID's life", async () => {
  const giveBack = it.withdraw('/component/hello-identity');
  try {
    const isGone = async (): Promise<boolean> => (await statusOf(it.port, '/whoami')) === 503;
    await eventually('no identity', isGone, SVID_LIFE_MS / 2 + 1_000);
    assert.equal(await statusOf(it.port), 200);
  } finally {
    giveBack();
  }
  await eventually('200', async () => (await statusOf(it.port, '/whoami')) === 200, 5_000);
});

test('a callout that is killed comes back with its keys, and nobody who is in notices', async (context) => {
  const before = await connectionIds();
  assertUndisturbed(
    await underLoad(context, async () => {
      await it.kill('callout');
      await eventually('callout again', () => it.dev.pidOf('callout') !== undefined);
      await using session = await it.dev.openSession();
      await eventually('a host answers', () => isAnsweredIn(session), RECOVERY_MS);
    }),
  );
  assert.equal(it.dev.restartsOf('callout'), 1);
  assert.deepEqual(await connectionIds(), before);
});

test('a nats-server that is killed comes back on its port, and HTTP never stops', async (context) => {
  assertUndisturbed(await underLoad(context, () => it.kill('nats')));
  assert.equal(it.dev.restartsOf('nats'), 1);
  await assertConnected();
});

test('nats-server and callout killed at once come back', async (context) => {
  assertUndisturbed(
    await underLoad(context, async () => {
      await Promise.all([it.kill('nats'), it.kill('callout')]);
    }),
  );
  await assertConnected();
});

test('a host that is killed is replaced and runs the component again', async (context) => {
  const [before] = it.dev.hostIds();
  const { hello } = await underLoad(context, () => it.kill('host-1'));
  assert.ok(hello.lost > 0, 'requests under way cannot survive their host');
  assert.notEqual(it.dev.hostIds()[0], before);
  await assertConnected();
});
