import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Outcome, Place, program, Running } from './muster.ts';

/** One line that begins with the code, says what to do, and an exit code. */
function assertRefused({ code, stderr }: Outcome, error: string, advice: RegExp): void {
  assert.equal(code, 1);
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('error'));
  assert.equal(lines.length, 1, stderr);
  assert.ok(lines[0]?.startsWith(`error ${error}: `), stderr);
  assert.match(lines[0] ?? '', advice);
}

async function occupy(t: TestContext, port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
}

describe('muster dev refuses', () => {
  it('when the HTTP port is taken', async (t) => {
    const place = await Place.create(t);
    await occupy(t, place.httpPort);
    assertRefused(await place.run(place.devWords('hello-wat')), 'ERR_PORT_TAKEN', /HTTP.*--http-port$/);
  });

  it('when the NATS port is taken', async (t) => {
    const place = await Place.create(t);
    await occupy(t, place.natsPort);
    assertRefused(await place.run(place.devWords('hello-wat')), 'ERR_PORT_TAKEN', /NATS.*--nats-port$/);
  });

  it('when the named nats-server is too old or no program', async (t) => {
    const place = await Place.create(t);
    const old = join(place.folder, 'nats-server');
    writeFileSync(old, '#!/bin/sh\necho "nats-server: v2.10.27"\n');
    chmodSync(old, 0o755);
    const words = place.devWords('hello-wat');
    assertRefused(
      await place.run(words, { MUSTER_NATS_SERVER: old }),
      'ERR_NATS_SERVER_UNUSABLE',
      /wanted is >= 2\.15\.1.*unset the variable$/,
    );
    assertRefused(
      await place.run(words, { MUSTER_NATS_SERVER: place.folder }),
      'ERR_NATS_SERVER_UNUSABLE',
      /unset the variable$/,
    );
    await place.assertNothingLeft();
  });

  it('when there is no such component, or the file is none', async (t) => {
    const place = await Place.create(t);
    assertRefused(
      await place.run(place.devWords('nothing')),
      'ERR_COMPONENT_BUILD',
      /--component FILE\.wasm$/,
    );
    const file = join(place.folder, 'noise.wasm');
    writeFileSync(file, 'noise');
    assertRefused(await place.run(place.devWords(file)), 'ERR_COMPONENT_NOT_STARTED', /noise/);
    await place.assertNothingLeft();
  });

  it('when the runtime directory is open to others', async (t) => {
    const place = await Place.create(t);
    const shared = join(place.folder, 'shared');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    assertRefused(
      await place.run(place.devWords('hello-wat'), { MUSTER_LATTICE_DIR: shared }),
      'ERR_LATTICE_DIR',
      /0700/,
    );
  });

  it('on an old Node, with a line that even an old Node can print', async (t) => {
    const place = await Place.create(t);
    const pretend =
      'data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })';
    const running = new Running(process.execPath, ['--import', pretend, program, 'dev'], {
      ...process.env,
      XDG_RUNTIME_DIR: place.runtimeDir,
    });
    assertRefused(await running.ended, 'ERR_NODE_VERSION', /npx muster/);
  });
});
