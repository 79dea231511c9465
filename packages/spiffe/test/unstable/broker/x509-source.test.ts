import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { createTestCa, createTestClock } from '@muster/testing';

import { matchId } from '../../../src/id/matcher.ts';
import { SpiffeId } from '../../../src/id/spiffe-id.ts';
import type { X509Context } from '../../../src/index.ts';
import { followProcess } from '../../../src/unstable/broker/process-life.ts';
import { BrokerClient, createBrokeredX509Source } from '../../../src/unstable/index.ts';
import { GRPC_STATUS, GrpcStatusError, x509SvidResponse } from '../../../src/wire/index.ts';
import type { GrpcStatusCode } from '../../../src/wire/index.ts';
import { FAST_RETRY, until, x509Message } from '../../workload-api/support.ts';
import { brokerSource, ENDPOINT, startFakeBroker } from './support.ts';

const ca = createTestCa('example.org');
const id = 'spiffe://example.org/workload';
const reference = { pid: 4711 };
const good = x509Message([{ id, svid: ca.issueX509Svid(id), bundle: ca.certificate }]);
const OTHER_ID = 'spiffe://example.org/other';
const other = x509Message([{ id: OTHER_ID, svid: ca.issueX509Svid(OTHER_ID), bundle: ca.certificate }]);
const none = x509SvidResponse.encode({ svids: [], crl: [], federatedBundles: new Map() });

/** An endpoint whose streams send what the test pushes: a message, or a status to end with. */
async function withScript(
  run: (
    client: BrokerClient,
    push: (step: Uint8Array | GrpcStatusCode) => void,
    opened: () => number,
  ) => Promise<void>,
): Promise<void> {
  const steps: (Uint8Array | GrpcStatusCode)[] = [];
  let wake = (): void => {};
  let opened = 0;
  const handle = async function* (
    _request: Uint8Array,
    call: { signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    opened += 1;
    call.signal.addEventListener('abort', () => {
      wake();
    });
    while (!call.signal.aborted) {
      const step = steps.shift();
      if (step instanceof Uint8Array) {
        yield step;
      } else if (step === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        throw new GrpcStatusError(step, 'no');
      }
    }
  };
  await using fake = await startFakeBroker({
    ca,
    methods: { SubscribeToX509SVID: { kind: 'serverStream', handle } },
  });
  await using client = new BrokerClient({
    address: fake.address,
    source: brokerSource(ca),
    authorize: matchId(SpiffeId.parse(ENDPOINT)),
    retry: FAST_RETRY,
  });
  const push = (step: Uint8Array | GrpcStatusCode): void => {
    steps.push(step);
    wake();
  };
  await run(client, push, () => opened);
}

test('the identity of a workload is followed on its behalf', async () => {
  await withScript(async (client, push) => {
    push(good);
    await using source = await createBrokeredX509Source({ client, reference });
    assert.equal(source.getX509Svid().id.toString(), id);
    assert.ok(source.getX509Bundle(ca.trustDomain));
  });
});

test('all of it is let go of when the workload has ended, for good', async () => {
  await withScript(async (client, push, opened) => {
    push(good);
    await using source = await createBrokeredX509Source({ client, reference });
    push(GRPC_STATUS.NOT_FOUND);
    await until(() => source.state() === 'withdrawn');
    assert.throws(() => source.getX509Svid(), { code: 'ERR_NO_IDENTITY' });
    assert.equal(source.getX509Bundle(ca.trustDomain), undefined);
    assert.equal(opened(), 1);
  });
});

test('all of it is let go of while the workload is not entitled, and comes back with the entitlement', async () => {
  await withScript(async (client, push) => {
    push(good);
    await using source = await createBrokeredX509Source({ client, reference });
    for (const denial of [GRPC_STATUS.PERMISSION_DENIED, none]) {
      push(denial);
      await until(() => source.state() === 'withdrawn');
      assert.throws(() => source.getX509Svid(), { code: 'ERR_NO_IDENTITY' });
      assert.equal(source.getX509Bundle(ca.trustDomain), undefined);
      push(good);
      await until(() => source.state() === 'valid');
    }
  });
});

test('A37 all of it is let go of when the process is gone, though the endpoint goes on', async () => {
  const program = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' });
  const pid = program.pid ?? 0;
  try {
    await withScript(async (client, push, opened) => {
      push(good);
      await using source = await createBrokeredX509Source({ client, reference: { pid } });
      push(good);
      await until(() => source.changeCount === 2);
      program.kill('SIGKILL');
      await once(program, 'exit');
      push(good);
      await until(() => source.state() === 'withdrawn');
      assert.equal(source.getX509Bundle(ca.trustDomain), undefined);
      assert.equal(opened(), 1);
    });
  } finally {
    program.kill('SIGKILL');
  }
});

test('A37 the end of a workload is noticed within a second or so, without word of the endpoint', async () => {
  const clock = createTestClock(Date.now());
  let isThere = true;
  await withScript(async (client, push) => {
    push(good);
    await using source = await createBrokeredX509Source({ client, reference, clock, isAlive: () => isThere });
    clock.advance(3000);
    assert.equal(source.state(), 'valid');
    isThere = false;
    clock.advance(1000);
    assert.equal(source.state(), 'withdrawn');
    isThere = true;
    push(good);
    clock.advance(3000);
    assert.equal(source.state(), 'withdrawn', 'there is no way back');
    const dead = createBrokeredX509Source({ client, reference, clock, isAlive: () => false });
    await assert.rejects(dead, { code: 'ERR_WORKLOAD_NOT_FOUND' });
  });
});

test('A37 a process is the same only as long as it runs', async () => {
  const program = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' });
  const isAlive = followProcess(program.pid ?? 0);
  assert.equal(isAlive(), true);
  assert.equal(followProcess(process.pid)(), true);
  program.kill('SIGKILL');
  await once(program, 'exit');
  assert.equal(isAlive(), false);
  assert.equal(followProcess(2_147_483_647)(), true, 'nothing is known of what cannot be seen');
});

test('A37 a process that has ended and waits for its parent only is not alive', async () => {
  // Says the ID of a child that it will never wait for.
  const parent = spawn('/bin/sh', ['-c', '/bin/sleep 1000 & echo $!; exec /bin/sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    // Not before: a shell that still is one waits for its children.
    await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1') === 'sleep\n');
    process.kill(pid, 'SIGKILL');
    await until(() => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')));
    assert.equal(followProcess(pid)(), false);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('A37 a process ID that another process was given leads to a stream of its own', async () => {
  await withScript(async (client, push, opened) => {
    push(good);
    const isAlive = (): boolean => true;
    await using _first = await createBrokeredX509Source({ client, reference, isAlive });
    const opening = createBrokeredX509Source({ client, reference, isAlive });
    await until(() => opened() === 2);
    push(other);
    await using second = await opening;
    assert.equal(second.getX509Svid().id.toString(), OTHER_ID);
  });
});

test('what a message has withdrawn is not handed to whoever comes next on the same stream', async () => {
  await withScript(async (client, push, opened) => {
    push(good);
    const pod = { kubernetes: { plural: 'pods', namespace: 'shop', name: 'web' } };
    await using first = await createBrokeredX509Source({ client, reference: pod });
    push(none);
    await until(() => first.state() === 'withdrawn');
    const ending = new AbortController();
    const second = createBrokeredX509Source({
      client,
      reference: pod,
      signal: ending.signal,
      onError: () => {
        ending.abort();
      },
    });
    await assert.rejects(second, { code: 'ERR_ABORTED' });
    assert.equal(opened(), 1);
  });
});

test('whoever watches anew at the end of a stream gets nothing of that stream', async () => {
  await withScript(async (client, push, opened) => {
    push(good);
    const pod = { kubernetes: { plural: 'pods', namespace: 'shop', name: 'web' } };
    const seen: string[] = [];
    const onUpdate = ({ svids }: X509Context): void => {
      seen.push(svids[0]!.id.toString());
    };
    const onError = (_error: Error, retryInMs: number | undefined): void => {
      if (retryInMs === undefined) {
        push(other);
        client.watchX509Context(pod, { onUpdate });
      }
    };
    client.watchX509Context(pod, { onUpdate, onError });
    await until(() => seen.length === 1);
    push(GRPC_STATUS.NOT_FOUND);
    await until(() => seen.length === 2);
    assert.deepEqual(seen, [id, OTHER_ID]);
    assert.equal(opened(), 2);
  });
});

test('A37 a workload of which nobody can tell whether it is alive is held for ended', async () => {
  const clock = createTestClock(Date.now());
  let isBroken = false;
  await withScript(async (client, push) => {
    push(good);
    await using source = await createBrokeredX509Source({
      client,
      reference,
      clock,
      isAlive: () => {
        if (isBroken) {
          throw new Error('no');
        }
        return true;
      },
    });
    isBroken = true;
    clock.advance(1000);
    assert.equal(source.state(), 'withdrawn');
  });
});

test('a source is not made of a workload that is not found, nor of a reference that cannot be', async () => {
  await withScript(async (client, push) => {
    push(GRPC_STATUS.NOT_FOUND);
    await assert.rejects(createBrokeredX509Source({ client, reference }), { code: 'ERR_WORKLOAD_NOT_FOUND' });
    await assert.rejects(createBrokeredX509Source({ client, reference: { pid: 0 } }), {
      code: 'ERR_WORKLOAD_REFERENCE',
    });
  });
});
