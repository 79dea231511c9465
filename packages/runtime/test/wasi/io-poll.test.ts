import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSuspending } from '../../src/link/host.ts';
import { Pollable, poll } from '../../src/wasi/io-poll.ts';
import { WaitScope, Wakers, alwaysReady, type ReadySource } from '../../src/wasi/wait.ts';
import { isTrap } from './support.ts';

class Switch implements ReadySource {
  readonly #wakers = new Wakers();
  isOn = false;

  isReady(): boolean {
    return this.isOn;
  }

  onReady(wake: () => void): () => void {
    return this.#wakers.add(wake);
  }

  wake(isOn: boolean): void {
    this.isOn = isOn;
    this.#wakers.wake();
  }
}

test('block answers at once when ready and waits when not', async () => {
  const scope = new WaitScope();
  assert.equal(new Pollable(alwaysReady, scope).block(), undefined);
  const source = new Switch();
  const pollable = new Pollable(source, scope);
  assert.equal(pollable.ready(), false);
  const waiting = pollable.block();
  assert.ok(waiting instanceof Promise);
  source.wake(true);
  await waiting;
  assert.equal(pollable.ready(), true);
});

test('poll names every ready pollable, in order', async () => {
  const scope = new WaitScope();
  const sources = [new Switch(), new Switch(), new Switch()];
  const pollables = sources.map((source) => new Pollable(source, scope));
  const waiting = poll(pollables);
  assert.ok(waiting instanceof Promise);
  sources[2]!.wake(false);
  await Promise.resolve();
  sources[0]!.isOn = true;
  sources[1]!.wake(true);
  assert.deepEqual(await waiting, [0, 1]);
  assert.deepEqual(poll(pollables), [0, 1]);
  assert.equal(scope.size, 0);
});

test('who waits while something of his is unsent goes on after it was sent, ready or not', async () => {
  let hasUnsent = false;
  const scope = new WaitScope(() => hasUnsent);
  const pollable = new Pollable(alwaysReady, scope);
  for (const wait of [() => pollable.block(), () => poll([pollable])]) {
    assert.ok(!(wait() instanceof Promise));
    hasUnsent = true;
    setImmediate(() => {
      hasUnsent = false;
    });
    const waiting = wait();
    assert.ok(waiting instanceof Promise);
    await waiting;
    assert.equal(hasUnsent, false);
  }
});

test('poll traps on an empty list', () => {
  assert.throws(() => poll([]), isTrap('ERR_TRAP_WASI'));
});

test('the blocking functions are marked for suspension', () => {
  assert.ok(isSuspending(poll));
  assert.ok(isSuspending(Reflect.get(Pollable.prototype, 'block')));
  assert.ok(!isSuspending(Reflect.get(Pollable.prototype, 'ready')));
});
