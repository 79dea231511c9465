import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ExecutableReader, type Executable } from '../../src/attestation/executable.ts';
import { ExpectedChildren } from '../../src/attestation/expected-children.ts';
import { loadLibc, type Libc } from '../../src/attestation/libc.ts';
import { openPeer, type AttestationMode } from '../../src/attestation/peer.ts';
import { readProcess } from '../../src/attestation/process-facts.ts';
import { testAttestation } from '../../src/attestation/self-test.ts';
import { WorkloadAttestor } from '../../src/attestation/workload-attestor.ts';
import { countPidfds } from '../support/descriptors.ts';
import { createFolder, type Folder } from '../support/folder.ts';
import { hold, startScript, type HeldProcess } from '../support/processes.ts';

// Connects, says so, and does what it is told: `exit`, or `exec` (where Node has it) another program on the same pid.
const CLIENT = `
  const socket = require('node:net').connect(process.argv[1], () => console.log('connected'));
  socket.on('error', () => {});
  process.stdin.setEncoding('utf8').on('data', (text) => {
    if (text.startsWith('exit')) process.exit(0);
    if (text.startsWith('exec')) process.execve('/bin/sleep', ['sleep', '60'], {});
  });
`;

describe('attestation of a connected process', () => {
  let libc: Libc;
  let mode: AttestationMode;
  let folder: Folder;
  let server: net.Server;
  let path: string;

  before(async () => {
    libc = await loadLibc();
    mode = await testAttestation(libc);
    folder = createFolder();
    path = folder.join('api.sock');
    // Paused, so that the end of a connection is not noticed: attestation must find out by itself.
    server = net.createServer({ pauseOnConnect: true }).listen(path);
    await once(server, 'listening');
  });

  after(() => {
    server.close();
    folder[Symbol.dispose]();
  });

  async function accept(): Promise<{ client: HeldProcess; socket: net.Socket }> {
    const connection = once(server, 'connection');
    const client = startScript(CLIENT, path);
    const [socket] = (await connection) as [net.Socket];
    socket.on('error', () => {});
    assert.equal(await client.line(), 'connected');
    return { client, socket };
  }

  function attestor(
    children: ExpectedChildren = new ExpectedChildren(libc),
    forced = mode,
  ): WorkloadAttestor {
    return new WorkloadAttestor({ libc, mode: forced, children, isDigestWanted: () => false });
  }

  it('finds a mode on this kernel by the self-test', () => {
    assert.ok(mode === 'pidfd' || mode === 'pid-start-time');
  });

  for (const forced of ['pidfd', 'pid-start-time'] as const) {
    it(`sees who connected (${forced})`, async (t) => {
      if (forced === 'pidfd' && mode !== 'pidfd') return t.skip('this kernel has no SO_PEERPIDFD');
      const { client, socket } = await accept();
      await using held = client;
      const caller = await attestor(undefined, forced).attest(socket);
      assert.equal(caller.pid, held.pid);
      assert.equal(caller.uid, process.geteuid?.());
      for (const key of [
        `unix:uid:${caller.uid}`,
        `unix:gid:${caller.gid}`,
        `unix:path:${process.execPath}`,
      ]) {
        assert.ok(caller.selectors.has(key), key);
      }
      assert.ok(!caller.selectors.has('muster:external'), 'a descendant is not external');
      assert.ok(!caller.selectors.has('muster:self'));
      socket.destroy();
    });

    it(`fails when the caller has ended, even if the connection is still there (${forced})`, async (t) => {
      if (forced === 'pidfd' && mode !== 'pidfd') return t.skip('this kernel has no SO_PEERPIDFD');
      const { client, socket } = await accept();
      const exited = once(client.process, 'exit');
      client.tell('exit');
      await exited;
      await assert.rejects(attestor(undefined, forced).attest(socket), { code: 'ERR_ATTESTATION_FAILED' });
      socket.destroy();
    });
  }

  it('fails when the caller ends while it is attested', async () => {
    const { client, socket } = await accept();
    using peer = openPeer(socket, libc, mode);
    assert.equal(peer.facts.pid, client.pid);
    const exited = once(client.process, 'exit');
    client.tell('exit');
    await exited;
    assert.throws(() => peer.assertUnchanged(), { code: 'ERR_ATTESTATION_FAILED' });
    socket.destroy();
  });

  it('sees the program that runs now, not the one that connected', async () => {
    const { client, socket } = await accept();
    await using held = client;
    const before = await attestor().attest(socket);
    assert.ok(before.selectors.has(`unix:path:${process.execPath}`));
    held.tell('exec');
    const deadline = Date.now() + 10_000;
    let path: string | undefined;
    while (Date.now() < deadline && path === undefined) {
      // The exec closes the connection's other end, yet the kernel still names the process that made it.
      const caller = await attestor()
        .attest(socket)
        .catch(() => undefined);
      path = [...(caller?.selectors ?? [])].find((key) => /^unix:path:.*(sleep|coreutils|busybox)/.test(key));
    }
    assert.ok(path !== undefined, 'the new program is seen on the same connection');
    socket.destroy();
  });

  it('digests the program when an entry needs it', async () => {
    const { client, socket } = await accept();
    await using _held = client;
    const children = new ExpectedChildren(libc);
    const withDigest = new WorkloadAttestor({ libc, mode, children, isDigestWanted: () => true });
    const keys = [...(await withDigest.attest(socket)).selectors];
    assert.ok(keys.some((key) => /^unix:sha256:[0-9a-f]{64}$/.test(key)));
    const without = [...(await attestor().attest(socket)).selectors];
    assert.ok(!without.some((key) => key.startsWith('unix:sha256:')));
    socket.destroy();
  });

  it('fails when the program changes while it is attested', async () => {
    const { client, socket } = await accept();
    await using _held = client;
    class Changing extends ExecutableReader {
      #reads = 0;
      override read(): Promise<Executable> {
        this.#reads += 1;
        return Promise.resolve({ path: '/same', identity: `file:${this.#reads}` });
      }
    }
    const changing = new WorkloadAttestor({
      libc,
      mode,
      children: new ExpectedChildren(libc),
      isDigestWanted: () => false,
      executables: new Changing(),
    });
    await assert.rejects(changing.attest(socket), { code: 'ERR_ATTESTATION_FAILED' });
    socket.destroy();
  });

  it('fails on a kernel that stopped giving pidfds, rather than trusting less', async (t) => {
    if (mode !== 'pidfd') return t.skip('this kernel has no SO_PEERPIDFD');
    const { client, socket } = await accept();
    await using _held = client;
    assert.throws(() => openPeer(socket, { ...libc, peerPidfd: () => undefined }, mode), {
      code: 'ERR_ATTESTATION_FAILED',
    });
    socket.destroy();
  });

  it('fails when the caller changed its user since it connected, or is in a foreign pid namespace', async () => {
    const { client, socket } = await accept();
    await using _held = client;
    const seen = libc.peerCredentials((socket as unknown as { _handle: { fd: number } })._handle.fd);
    for (const change of [{ uid: seen.uid + 1 }, { gid: seen.gid + 1 }, { pid: 0 }, { pid: process.pid }]) {
      const lying = { ...libc, peerCredentials: () => ({ ...seen, ...change }) };
      assert.throws(
        () => openPeer(socket, lying, 'pidfd'),
        { code: 'ERR_ATTESTATION_FAILED' },
        JSON.stringify(change),
      );
    }
    socket.destroy();
  });

  it('fails on a closed connection', async () => {
    const { client, socket } = await accept();
    await using _held = client;
    socket.destroy();
    await assert.rejects(attestor().attest(socket), { code: 'ERR_ATTESTATION_FAILED' });
  });

  it('refuses early when the caller is not admitted', async () => {
    const { client, socket } = await accept();
    await using _held = client;
    const refusal = new Error('too many');
    const admit = (): never => {
      throw refusal;
    };
    await assert.rejects(attestor().attest(socket, admit), refusal);
    socket.destroy();
  });

  it('closes every pidfd, whether attestation succeeds or fails', async () => {
    const before = countPidfds();
    const { client, socket } = await accept();
    const own = countPidfds() - before;
    for (let round = 0; round < 20; round++) await attestor().attest(socket);
    const exited = once(client.process, 'exit');
    client.tell('exit');
    await exited;
    for (let round = 0; round < 20; round++) await assert.rejects(attestor().attest(socket));
    assert.ok(countPidfds() <= before + own);
    socket.destroy();
  });

  describe('children', () => {
    it('has the selector of its name and no other', async () => {
      const { client, socket } = await accept();
      await using held = client;
      const children = new ExpectedChildren(libc);
      children.expect('host', held.pid);
      const caller = await attestor(children).attest(socket);
      assert.deepEqual(caller.childNames, ['host']);
      assert.ok(caller.selectors.has('muster:child:host'));
      assert.ok(!caller.selectors.has('muster:external'));
      children.forget('host');
      assert.ok(!(await attestor(children).attest(socket)).selectors.has('muster:child:host'));
      socket.destroy();
      children.close();
    });

    it('keeps the name over an exec, which changes neither pid nor start time', async () => {
      const { client, socket } = await accept();
      await using held = client;
      const children = new ExpectedChildren(libc);
      children.expect('nats', held.pid);
      held.tell('exec');
      await untilRuns(held.pid, 'sleep');
      assert.ok((await attestor(children).attest(socket)).selectors.has('muster:child:nats'));
      socket.destroy();
      children.close();
    });

    it('does not match a stranger that got the pid of a child that ended', async () => {
      const { client, socket } = await accept();
      await using held = client;
      const children = new ExpectedChildren(libc);
      children.expect('host', held.pid);
      const facts = readProcess(held.pid);
      assert.ok(facts);
      assert.deepEqual(children.namesOf(facts), ['host']);
      assert.deepEqual(children.namesOf({ ...facts, startTime: `${facts.startTime}1` }), []);
      socket.destroy();
      children.close();
    });

    it('does not match once the child has ended', async () => {
      const child = hold('/bin/sleep', ['60']);
      const children = new ExpectedChildren(libc);
      children.expect('host', child.pid);
      const facts = readProcess(child.pid);
      assert.ok(facts);
      await child[Symbol.asyncDispose]();
      assert.deepEqual(children.namesOf(facts), []);
      children.close();
    });

    it('moves a name to the next process that is started under it', async () => {
      await using first = hold('/bin/sleep', ['60']);
      await using second = hold('/bin/sleep', ['60']);
      const children = new ExpectedChildren(libc);
      children.expect('host', first.pid);
      children.expect('host', second.pid);
      const [old, current] = [readProcess(first.pid), readProcess(second.pid)];
      assert.ok(old && current);
      assert.deepEqual(children.namesOf(old), []);
      assert.deepEqual(children.namesOf(current), ['host']);
      children.close();
    });

    it('refuses whatever is no living child of this process', async () => {
      const children = new ExpectedChildren(libc);
      const refused = { code: 'ERR_CHILD_NOT_FOUND' };
      assert.throws(() => children.expect('host', process.ppid), refused);
      assert.throws(() => children.expect('host', process.pid), refused);
      assert.throws(() => children.expect('host', 0), refused);
      assert.throws(() => children.expect('host', -1), refused);
      assert.throws(() => children.expect('host', 1.5), refused);
      assert.throws(() => children.expect('host', 2 ** 22 + 1), refused);
      const child = hold('/bin/sleep', ['60']);
      await child[Symbol.asyncDispose]();
      assert.throws(() => children.expect('host', child.pid), refused);
      assert.throws(() => children.expect('a b', process.pid), { code: 'ERR_CONFIG_INVALID' });
    });

    it('lets go of every pidfd', async () => {
      const before = countPidfds();
      await using first = hold('/bin/sleep', ['60']);
      const children = new ExpectedChildren(libc);
      const base = countPidfds();
      children.expect('a', first.pid);
      children.expect('a', first.pid);
      children.expect('b', first.pid);
      assert.equal(countPidfds(), base + (mode === 'pidfd' ? 2 : 0));
      assert.throws(() => children.expect('c', process.ppid));
      children.close();
      assert.equal(countPidfds(), base);
      assert.ok(before <= base);
    });
  });

  async function untilRuns(pid: number, program: string): Promise<void> {
    while (!(await readFile(`/proc/${pid}/comm`, 'utf8')).includes(program)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
});

describe('the self-test', () => {
  it('refuses to go on when a connection is seen as that of another process', async () => {
    const libc = await loadLibc();
    const lying: Libc = {
      ...libc,
      peerCredentials: (fd) => ({ ...libc.peerCredentials(fd), pid: process.ppid }),
    };
    await assert.rejects(testAttestation(lying), { code: 'ERR_ATTESTATION_UNAVAILABLE' });
  });

  it('refuses to go on when the kernel answers nothing', async () => {
    const libc = await loadLibc();
    const broken: Libc = {
      ...libc,
      peerCredentials: () => {
        throw new Error('no');
      },
    };
    await assert.rejects(testAttestation(broken), { code: 'ERR_ATTESTATION_UNAVAILABLE' });
  });

  it('falls back to start times where the kernel gives no pidfd', async () => {
    const libc = await loadLibc();
    assert.equal(await testAttestation({ ...libc, peerPidfd: () => undefined }), 'pid-start-time');
  });
});
