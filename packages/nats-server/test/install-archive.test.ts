import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { archiveInstall, archiveName, findChecksum } from '../src/install-archive.ts';
import { findTarFile } from '../src/tar.ts';
import { scratchDir } from './scratch.ts';
import { tarEntry } from './tar-writer.ts';

const NAME = 'nats-server-v2.15.1-linux-amd64';
const ARCHIVE = gzipSync(
  Buffer.concat([
    tarEntry(`${NAME}/`, '', '5'),
    tarEntry(`${NAME}/LICENSE`, 'free'),
    tarEntry(`${NAME}/nats-server`, 'binary'),
    Buffer.alloc(1_024),
  ]),
);
const SUM = createHash('sha256').update(ARCHIVE).digest('hex');

/** Serves a release folder; returns its base URL. */
async function serve(t: TestContext, files: Record<string, string | Buffer>): Promise<string> {
  const server = createServer((request, response) => {
    const body = files[request.url ?? ''];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/download/`;
}

async function install(
  t: TestContext,
  files: Record<string, string | Buffer>,
): Promise<{ binDir: string; path: Promise<string> }> {
  const binDir = await scratchDir(t);
  const releasesUrl = await serve(t, files);
  return {
    binDir,
    path: archiveInstall({ version: '2.15.1', releasesUrl, binDir, platform: 'linux', arch: 'x64' }),
  };
}

describe('archiveInstall', () => {
  it('unpacks an archive whose SHA-256 is the published one', async (t) => {
    const { path } = await install(t, {
      '/download/v2.15.1/SHA256SUMS': `${'0'.repeat(64)}  other.zip\n${SUM}  ${NAME}.tar.gz\n`,
      [`/download/v2.15.1/${NAME}.tar.gz`]: ARCHIVE,
    });
    assert.equal(await readFile(await path, 'utf8'), 'binary');
    assert.equal((await stat(await path)).mode & 0o777, 0o755);
  });

  it('refuses a changed archive', async (t) => {
    const { binDir, path } = await install(t, {
      '/download/v2.15.1/SHA256SUMS': `${SUM}  ${NAME}.tar.gz\n`,
      [`/download/v2.15.1/${NAME}.tar.gz`]: gzipSync(
        Buffer.concat([tarEntry(`${NAME}/nats-server`, 'other'), Buffer.alloc(1_024)]),
      ),
    });
    await assert.rejects(path, { code: 'ERR_NATS_SERVER_CHECKSUM' });
    assert.deepEqual(await readdir(binDir), []);
  });

  it('refuses an archive that the list does not name', async (t) => {
    const { path } = await install(t, {
      '/download/v2.15.1/SHA256SUMS': `${SUM}  x${NAME}.tar.gz\n`,
      [`/download/v2.15.1/${NAME}.tar.gz`]: ARCHIVE,
    });
    await assert.rejects(path, { code: 'ERR_NATS_SERVER_CHECKSUM', message: /not listed/ });
  });

  it('says what to do when there is nothing to download', async (t) => {
    const { path } = await install(t, {});
    await assert.rejects(path, {
      code: 'ERR_NATS_SERVER_INSTALL',
      message: /answered 404.*MUSTER_NATS_SERVER/,
    });
  });

  it('refuses what is not an archive', async (t) => {
    const noise = Buffer.from('not an archive');
    const sum = createHash('sha256').update(noise).digest('hex');
    const { path } = await install(t, {
      '/download/v2.15.1/SHA256SUMS': `${sum}  ${NAME}.tar.gz\n`,
      [`/download/v2.15.1/${NAME}.tar.gz`]: noise,
    });
    await assert.rejects(path, { code: 'ERR_NATS_SERVER_INSTALL', message: /cannot be unpacked/ });
  });
});

describe('archiveName', () => {
  it('names the platforms of the release', () => {
    assert.equal(archiveName('2.15.1', 'linux', 'arm64'), 'nats-server-v2.15.1-linux-arm64');
    assert.throws(() => archiveName('2.15.1', 'linux', 's390x'), { code: 'ERR_NATS_SERVER_PLATFORM' });
    assert.throws(() => archiveName('2.15.1', 'win32', 'x64'), { code: 'ERR_NATS_SERVER_PLATFORM' });
  });
});

describe('findChecksum', () => {
  it('reads text and binary marks, and Windows line ends', () => {
    const hex = 'AB'.repeat(32);
    assert.equal(findChecksum(`${hex} *a.tar.gz\r\n`, 'a.tar.gz'), hex.toLowerCase());
    assert.equal(findChecksum(`${hex.slice(1)}  a.tar.gz\n`, 'a.tar.gz'), undefined);
  });
});

describe('findTarFile', () => {
  it('does not read past a truncated archive', () => {
    const archive = tarEntry('x/nats-server', 'binary');
    assert.equal(findTarFile(archive.subarray(0, 512), 'nats-server'), undefined);
    assert.equal(findTarFile(archive.subarray(0, 100), 'nats-server'), undefined);
  });

  it('does not take a link for the file', () => {
    assert.equal(findTarFile(tarEntry('nats-server', '', '2'), 'nats-server'), undefined);
  });
});
