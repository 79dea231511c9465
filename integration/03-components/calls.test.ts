import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Fixture } from '../20-host/fixture.ts';
import { ask } from '../support/http.ts';
import { describeLoad, startLoad } from '../support/load.ts';
import type { Load } from '../support/load.ts';
import { deploy, loggedCode } from './deployment.ts';
import { buildGuest } from './guests/build.ts';

/** Of the guests that never end; the others get the host's own, which is never reached. */
const DEADLINE_MS = 1_000;
const LONG_DEADLINE_MS = 20_000;
const limits = { max_execution_time: String(DEADLINE_MS) };
/** From the deadline to the answer, on a machine that is busy with the load and the guest itself. */
const GRACE_MS = 1_500;
const MEMORY_BYTES = 64 * 1024 * 1024;

let it: Fixture;
let echoPort = 0;
let load: Load | undefined;

before(async () => {
  it = await Fixture.start({
    host: { componentDefaults: { deadlineMs: LONG_DEADLINE_MS, memoryBytes: MEMORY_BYTES } },
  });
  const good = await deploy(it, 'good', await buildGuest('good'));
  const echo = await deploy(it, 'echo', await buildGuest('echo'));
  assert.deepEqual([good.outcome, echo.outcome], ['component_scaled', 'component_scaled']);
  echoPort = echo.port;
  load = startLoad({ port: good.port, isRight: ({ status, body }) => status === 200 && body === 'good' });
});

after(async () => {
  await load?.stop();
  await it.stop();
});

test('a body comes back as it was sent', async () => {
  const body = randomBytes(3 * 1024 * 1024);
  const answer = await ask(echoPort, { body });
  assert.equal(answer.status, 200);
  assert.equal(
    createHash('sha256').update(Buffer.from(answer.body, 'latin1')).digest('hex'),
    createHash('sha256').update(body).digest('hex'),
  );
});

test('a body streams both ways at once', async () => {
  const sent = request({ host: '127.0.0.1', port: echoPort, method: 'POST', agent: false });
  sent.write('first');
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve);
    sent.on('error', reject);
  });
  const pieces = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  assert.equal(String((await pieces.next()).value), 'first');
  sent.end('last');
  assert.equal(String((await pieces.next()).value), 'last');
  assert.equal((await pieces.next()).done, true);
});

interface Case {
  readonly guest: string;
  readonly status: number;
  readonly code: string;
}

const cases: readonly Case[] = [
  { guest: 'spin', status: 504, code: 'ERR_COMPONENT_DEADLINE' },
  { guest: 'spin-in-host', status: 504, code: 'ERR_COMPONENT_DEADLINE' },
  { guest: 'sleep', status: 504, code: 'ERR_COMPONENT_DEADLINE' },
  { guest: 'hog', status: 500, code: 'ERR_COMPONENT_OUT_OF_MEMORY' },
  { guest: 'hog-for-ever', status: 504, code: 'ERR_COMPONENT_DEADLINE' },
  { guest: 'hog-handles', status: 500, code: 'ERR_TRAP_LIMIT' },
  { guest: 'hog-headers', status: 500, code: 'ERR_TRAP_WASI' },
  { guest: 'hog-fields', status: 500, code: 'ERR_COMPONENT_OUT_OF_MEMORY' },
  { guest: 'hog-random', status: 500, code: 'ERR_TRAP_WASI' },
  { guest: 'recurse', status: 500, code: 'ERR_TRAP_STACK' },
  { guest: 'trap', status: 500, code: 'ERR_TRAP_GUEST' },
  { guest: 'silent', status: 500, code: 'ERR_COMPONENT_NO_RESPONSE' },
  { guest: 'exit', status: 500, code: 'ERR_COMPONENT_EXITED' },
  { guest: 'forged-handle', status: 500, code: 'ERR_TRAP_HANDLE' },
  { guest: 'wild-pointer', status: 500, code: 'ERR_TRAP_MEMORY' },
];

for (const { guest, status, code } of cases) {
  test(`${guest}: each call ends with ${status}, and only the log says ${code}`, async (context) => {
    const { port, outcome } = await deploy(
      it,
      guest,
      await buildGuest(guest),
      status === 504 ? { limits } : {},
    );
    assert.equal(outcome, 'component_scaled');
    const memoryBefore = residentBytes();
    // Twice, the second time two at once: what the first call did to its worker must not show.
    for (const count of [1, 2]) {
      const begin = performance.now();
      const answers = await Promise.all(Array.from({ length: count }, () => ask(port)));
      const tookMs = performance.now() - begin;
      for (const answer of answers) {
        assert.equal(answer.status, status, answer.body);
        assert.equal(loggedCode(it, answer.headers['x-request-id']), code);
        assert.doesNotMatch(answer.body, /ERR_|wasm|memory|stack/i);
      }
      // Two that spin may have to take turns.
      const limitMs = status === 504 ? 2 * DEADLINE_MS + GRACE_MS : LONG_DEADLINE_MS;
      assert.ok(tookMs < limitMs, `took ${Math.round(tookMs)} ms`);
    }
    context.diagnostic(`grew by ${Math.round((residentBytes() - memoryBefore) / 1_048_576)} MiB`);
    await remove(guest);
  });
}

test('an answer that traps half way is broken off, never a whole one', async () => {
  const { port } = await deploy(it, 'trap-midway', await buildGuest('trap-midway'));
  await assert.rejects(ask(port));
  assert.ok(
    it.logs.some(
      ({ message, fields }) => message === 'http answer broken off' && fields['code'] === 'ERR_TRAP_GUEST',
    ),
  );
  await remove('trap-midway');
});

test('a flood on a component that spins is answered, all of it', async (context) => {
  const { port } = await deploy(it, 'flooded', await buildGuest('spin'), { limits });
  const answers = await Promise.allSettled(
    Array.from({ length: 60 }, () => ask(port, { timeoutMs: 10 * DEADLINE_MS })),
  );
  const counts = Object.groupBy(answers, (answer) =>
    answer.status === 'fulfilled' ? String(answer.value.status) : String(answer.reason),
  );
  const seen = Object.fromEntries(Object.entries(counts).map(([key, list]) => [key, list?.length]));
  context.diagnostic(JSON.stringify(seen));
  assert.deepEqual(
    Object.keys(seen).filter((key) => key !== '504' && key !== '503'),
    [],
  );
  await remove('flooded');
});

test('the good component was asked all the time and never failed', async (context: TestContext) => {
  assert.ok(load);
  const report = await load.stop();
  context.diagnostic(describeLoad(report));
  assert.deepEqual(
    { wrong: report.wrong, refused: report.refused, lost: report.lost, samples: report.samples },
    { wrong: 0, refused: 0, lost: 0, samples: [] },
  );
  assert.ok(report.right > 100);
});

async function remove(id: string): Promise<void> {
  await it.scale(id, `file:///${id}`, { count: 0 });
}

function residentBytes(): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
