import assert from 'node:assert/strict';
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ask } from '../support/http.ts';
import { descendantsOf, isAlive } from '../support/processes.ts';
import { eventually } from '../support/wait.ts';
import { Place } from './muster.ts';

async function assertAnswers(place: Place): Promise<void> {
  assert.equal((await ask(place.httpPort)).status, 200);
}

describe('muster dev again', () => {
  it('starts faster from the cache, and repairs a damaged entry', async (t) => {
    const place = await Place.create(t);
    const tookMs: number[] = [];
    const start = async (): Promise<string> => {
      const since = performance.now();
      const dev = await place.dev('hello-identity');
      tookMs.push(performance.now() - since);
      await assertAnswers(place);
      assert.equal((await dev.interrupt()).code, 0);
      await place.assertNothingLeft();
      return dev.stderr;
    };
    assert.match(await start(), /component: hello-identity, built/);
    assert.match(await start(), /component: hello-identity, from cache/);
    assert.ok(
      (tookMs[1] ?? 0) < (tookMs[0] ?? 0),
      `first ${String(tookMs[0])} ms, second ${String(tookMs[1])} ms`,
    );
    t.diagnostic(
      `first start ${String(Math.round(tookMs[0] ?? 0))} ms, second ${String(Math.round(tookMs[1] ?? 0))} ms`,
    );

    const [entry = ''] = readdirSync(place.cachedComponents);
    assert.deepEqual(readdirSync(join(place.cachedComponents, entry)), [
      'hello-identity.wasm',
      'hello-identity.wasm.digest',
    ]);
    truncateSync(join(place.cachedComponents, entry, 'hello-identity.wasm'), 1_000);
    const said = await start();
    assert.equal(said.match(/is damaged; it is built again/g)?.length, 1);
    assert.match(said, /component: hello-identity, built/);
  });

  it('refuses a second start while the first runs, and leaves that one alone', async (t) => {
    const place = await Place.create(t);
    const dev = await place.dev('hello-wat');
    const second = await place.run([...place.devWords('hello-wat')]);
    assert.equal(second.code, 1);
    assert.match(
      second.stderr,
      new RegExp(`^error ERR_LATTICE_ALREADY_RUNNING: .*process ${String(dev.child.pid)}.*\n$`),
    );
    await assertAnswers(place);
    assert.equal((await place.list('host', 'list')).length, 1);
    assert.equal((await dev.interrupt()).code, 0);
    await place.assertNothingLeft();
  });

  it('lets exactly one of two run that start at the same moment by npm start', async (t) => {
    const place = await Place.create(t);
    const both = [place.npmStart(place.devFlags('hello-wat')), place.npmStart(place.devFlags('hello-wat'))];
    const loser = await Promise.race(
      both.map(async (running) => ({ running, outcome: await running.ended })),
    );
    assert.notEqual(loser.outcome.code, 0);
    assert.match(loser.outcome.stderr, /^error ERR_LATTICE_ALREADY_RUNNING: /m);
    const [winner] = both.filter((running) => running !== loser.running);
    await winner?.said('Ctrl-C stops everything.');
    await assertAnswers(place);
    // What a terminal's Ctrl-C reaches besides npm.
    const muster = winner?.look().find(({ argv }) => argv.includes('dev'));
    process.kill(muster?.pid ?? 0, 'SIGINT');
    assert.equal((await winner?.ended)?.code, 0);
    await place.assertNothingLeft();
  });

  it('takes its children along when it is killed, and cleans up at the next start', async (t) => {
    const place = await Place.create(t);
    const first = await place.dev('hello-wat');
    const below = descendantsOf(first.child.pid ?? 0);
    assert.equal(below.length, 3, 'nats-server, callout, host');
    await first.interrupt('SIGKILL');
    await eventually('the children are gone', () => !below.some(isAlive), 20_000);
    assert.notDeepEqual(readdirSync(place.latticeDir), [], 'a killed process cannot clean up');

    const { code, stderr } = await place.run(['host', 'list']);
    assert.equal(code, 1);
    assert.match(stderr, /^error ERR_LATTICE_NOT_RUNNING: .*Nobody answers.*\n$/);

    const second = await place.dev('hello-wat');
    await assertAnswers(place);
    assert.equal((await second.interrupt('SIGTERM')).code, 0);
    await place.assertNothingLeft();
  });

  it('leaves nothing when it is stopped while it starts', async (t) => {
    const place = await Place.create(t);
    for (const step of ['nats-server program', 'component:', 'nats-server: tls', 'callout:', 'host-1:']) {
      const dev = place.start(place.devWords('hello-wat'));
      await dev.said(step);
      const { code, signal } = await dev.interrupt('SIGINT');
      assert.deepEqual([code, signal], [130, null], step);
      await place.assertNothingLeft();
    }
  });
});
