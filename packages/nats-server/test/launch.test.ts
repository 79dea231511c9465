import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createKeyFile } from '../src/key-file.ts';
import { launchNatsServer } from '../src/launch.ts';
import { parseLogLine } from '../src/log-line.ts';
import { readStartTicks } from '../src/lock.ts';
import { scratchDir, writeScript } from './scratch.ts';

const LOG = '[1] 2026/01/31 10:00:00.000000';
const READY = `echo '${LOG} [INF] Listening for client connections on 127.0.0.1:4333' >&2; echo '${LOG} [INF] Server is ready' >&2`;

describe('launchNatsServer', () => {
  it('waits until the server is ready, passes the key, and stops it', async (t) => {
    const directory = await scratchDir(t);
    const path = await writeScript(
      join(directory, 'fake'),
      `/bin/cat /proc/self/fd/3 > key; ${READY}; exec /bin/sleep 60`,
    );
    const lines: unknown[] = [];
    const log = (message: string, fields?: Record<string, unknown>): void =>
      void lines.push([message, fields]);
    const logger = { debug: log, info: log, warn: log, error: log };
    const server = await launchNatsServer({
      path,
      directory,
      config: 'listen: x',
      keyPem: 'THE KEY',
      logger,
    });
    assert.deepEqual([server.host, server.port], ['127.0.0.1', 4_333]);
    assert.equal(readFileSync(join(directory, 'nats-server.conf'), 'utf8'), 'listen: x');
    assert.equal(readFileSync(join(directory, 'key'), 'utf8'), 'THE KEY');
    assert.deepEqual(lines.at(-1), ['nats-server said', { text: 'Server is ready' }]);
    await server.stop();
    assert.deepEqual(await server.exited, { code: null, signal: 'SIGTERM' });
    assert.equal(await readStartTicks(server.pid), undefined);
  });

  it('kills a server that does not stop', async (t) => {
    const directory = await scratchDir(t);
    const path = await writeScript(
      join(directory, 'fake'),
      `trap '' TERM; ${READY}; while :; do /bin/sleep 0.05; done`,
    );
    const server = await launchNatsServer({ path, directory, config: '' });
    await server.stop(50);
    assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' });
  });

  it('says that the port is taken', async (t) => {
    const directory = await scratchDir(t);
    const path = await writeScript(
      join(directory, 'fake'),
      `echo '${LOG} [FTL] Error listening on port: 127.0.0.1:4222, "bind: address already in use"' >&2; exit 1`,
    );
    await assert.rejects(launchNatsServer({ path, directory, config: '' }), {
      code: 'ERR_NATS_SERVER_PORT_TAKEN',
      message: /127\.0\.0\.1:4222/,
    });
  });

  it('repeats what a failing server said', async (t) => {
    const directory = await scratchDir(t);
    const path = await writeScript(
      join(directory, 'fake'),
      'echo "nats-server.conf:1:0: unknown field" >&2; exit 1',
    );
    await assert.rejects(launchNatsServer({ path, directory, config: '' }), {
      code: 'ERR_NATS_SERVER_START',
      message: /exit code 1: .*unknown field/,
    });
  });

  it('does not wait for ever, and leaves no process', async (t) => {
    const directory = await scratchDir(t);
    const path = await writeScript(join(directory, 'fake'), 'echo $$ > pid; exec /bin/sleep 60');
    await assert.rejects(launchNatsServer({ path, directory, config: '', readyTimeoutMs: 100 }), {
      code: 'ERR_NATS_SERVER_START',
      message: /within 100 ms/,
    });
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    assert.equal(await readStartTicks(pid), undefined);
  });
});

describe('createKeyFile', () => {
  it('is readable through its descriptor and stands in no folder', () => {
    const before = readdirSync('/dev/shm');
    const descriptor = createKeyFile('THE KEY');
    assert.equal(readFileSync(`/proc/self/fd/${String(descriptor)}`, 'utf8'), 'THE KEY');
    assert.equal(readFileSync(`/proc/self/fd/${String(descriptor)}`, 'utf8'), 'THE KEY');
    assert.deepEqual(readdirSync('/dev/shm'), before);
  });

  it('refuses to put it on a disk', () => {
    assert.throws(() => createKeyFile('THE KEY', ['/proc', '/nowhere']), {
      code: 'ERR_NATS_SERVER_NO_MEMORY_FILE',
    });
  });
});

describe('parseLogLine', () => {
  for (const [text, wanted] of [
    [`${LOG} [INF] Server is ready`, { level: 'info', text: 'Server is ready' }],
    [`${LOG} [WRN] a [ERR] b`, { level: 'warn', text: 'a [ERR] b' }],
    [`${LOG} [FTL] x`, { level: 'error', text: 'x' }],
    ['panic: x', { level: 'error', text: 'panic: x' }],
  ] as const) {
    it(text, () => assert.deepEqual(parseLogLine(text), wanted));
  }
});
