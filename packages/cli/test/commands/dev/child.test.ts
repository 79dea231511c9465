import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Child, type ChildPlan } from '../../../src/commands/dev/child.ts';

interface Setup {
  child: Child;
  events: string[];
  /** Resolves when an event beginning with the text was heard. */
  heard(text: string): Promise<void>;
  folder: string;
}

function setUp(t: TestContext, script: string, plan: Partial<ChildPlan> = {}): Setup {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
  const program = join(folder, 'program.mjs');
  writeFileSync(program, script);
  const events: string[] = [];
  const waiting: { text: string; resolve: () => void }[] = [];
  const hear = (event: string): void => {
    events.push(event);
    for (const { text, resolve } of waiting) if (event.startsWith(text)) resolve();
  };
  const child = new Child(
    { name: 'part', arguments: [], env: {}, readyTimeoutMs: 5_000, ...plan },
    {
      onSpawn: (pid) => hear(`spawn ${String(pid > 0)}`),
      onExit: () => hear('exit'),
      onLine: ({ level, text }) => hear(`${level} ${text}`),
      onEnded: (reason, retryInMs) => hear(`ended ${reason} ${String(retryInMs)}`),
      onRestarted: () => hear('restarted'),
    },
    program,
  );
  t.after(async () => {
    await child.stop(0);
    rmSync(folder, { recursive: true });
  });
  return {
    child,
    events,
    folder,
    heard: (text) => new Promise((resolve) => waiting.push({ text, resolve })),
  };
}

const { signal } = new AbortController();
const READY = `console.log('{"event":"ready","n":1}');`;
const STAY = 'setInterval(() => {}, 1000);';

describe('Child', () => {
  it('waits until the part says that it is ready', async (t) => {
    const { child, events } = setUp(t, `${READY}${STAY}`);
    assert.deepEqual(await child.start(signal), { event: 'ready', n: 1 });
    assert.deepEqual(events, ['spawn true']);
    assert.ok((child.pid ?? 0) > 0);
    await child.stop();
    assert.deepEqual(events, ['spawn true', 'exit']);
    assert.equal(child.pid, undefined);
  });

  it('takes a log line for it where the plan says so', async (t) => {
    const plan = {
      parseLine: (text: string) => ({ part: 'part', level: 'info', text }) as const,
      isReady: ({ text }: { text: string }) => text === 'go',
    };
    const { child, events } = setUp(t, `console.error('wait'); console.error('go');${STAY}`, plan);
    assert.deepEqual(await child.start(signal), {});
    assert.deepEqual(events, ['spawn true', 'info wait', 'info go']);
  });

  it('repeats the last problems of a part that ends', async (t) => {
    const log = JSON.stringify({ level: 'warn', message: 'no luck' });
    const { child } = setUp(
      t,
      `console.error('${log}'); console.error('error ERR_X: y'); process.exitCode = 3`,
    );
    await assert.rejects(child.start(signal), {
      code: 'ERR_PART_ENDED',
      message: 'part ended while it started (exit code 3): no luck; error ERR_X: y',
    });
    assert.equal(child.restarts, 0);
  });

  it('does not wait for ever', async (t) => {
    const { child } = setUp(t, STAY, { readyTimeoutMs: 50 });
    await assert.rejects(child.start(signal), { code: 'ERR_PART_NOT_READY' });
  });

  it('stops waiting when told to', async (t) => {
    const { child } = setUp(t, STAY);
    const controller = new AbortController();
    const starting = child.start(controller.signal);
    controller.abort();
    await assert.rejects(starting, { name: 'AbortError' });
  });

  it('hands over the keys on descriptor 3, each time, and wipes them', async (t) => {
    const documents: Uint8Array[] = [];
    const keyDocument = (): Uint8Array => {
      documents.push(Buffer.from('THE KEYS'));
      return documents.at(-1) ?? new Uint8Array();
    };
    const script = `import { readFileSync, writeFileSync } from 'node:fs';
      writeFileSync(new URL('keys', import.meta.url), readFileSync(3)); ${READY}${STAY}`;
    const { child, folder, heard } = setUp(t, script, { keyDocument });
    await child.start(signal);
    assert.equal(readFileSync(join(folder, 'keys'), 'utf8'), 'THE KEYS');
    assert.deepEqual(
      [...(documents[0] ?? [])],
      Array.from({ length: 8 }, () => 0),
    );
    rmSync(join(folder, 'keys'));
    const again = heard('restarted');
    process.kill(child.pid ?? 0, 'SIGKILL');
    await again;
    assert.equal(readFileSync(join(folder, 'keys'), 'utf8'), 'THE KEYS');
    assert.deepEqual([child.restarts, documents.length], [1, 2]);
  });

  it('waits longer each time a part ends again', async (t) => {
    const { child, events, heard } = setUp(t, `${READY} setTimeout(() => process.exit(1), 20)`);
    const third = heard('ended exit code 1 500');
    await child.start(signal);
    await third;
    assert.deepEqual(
      events.filter((event) => event.startsWith('ended')),
      ['ended exit code 1 250', 'ended exit code 1 500'],
    );
  });

  it('takes a part that it restarts up again at once, which makes no later wait longer', async (t) => {
    const { child, events, heard } = setUp(t, `${READY}${STAY}`);
    await child.start(signal);
    const [first, again] = [child.pid, heard('restarted')];
    child.restart();
    await again;
    const { pid } = child;
    assert.ok(pid !== undefined && pid !== first);
    const crashed = heard('ended SIGKILL');
    process.kill(pid, 'SIGKILL');
    await crashed;
    assert.deepEqual(
      events.filter((event) => event.startsWith('ended')),
      ['ended SIGTERM 0', 'ended SIGKILL 250'],
    );
  });

  it('kills a part that does not end when it should be restarted', async (t) => {
    const { child, events, heard } = setUp(t, `process.on('SIGTERM', () => {}); ${READY}${STAY}`);
    await child.start(signal);
    const again = heard('restarted');
    child.restart(50);
    await again;
    assert.ok(events.includes('ended SIGKILL 0'));
    assert.equal(child.restarts, 1);
  });

  it('kills a part that does not end, and does not start it again', async (t) => {
    const { child, events } = setUp(t, `process.on('SIGTERM', () => {}); ${READY}${STAY}`);
    await child.start(signal);
    await child.stop(50);
    assert.deepEqual(events, ['spawn true', 'exit']);
  });
});
