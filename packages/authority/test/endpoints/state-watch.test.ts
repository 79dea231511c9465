import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { watchState, type State } from '../../src/endpoints/state-watch.ts';
import { TestClock } from '../support/test-clock.ts';

function text(message: IteratorResult<Uint8Array, void>): string {
  assert.ok(message.done !== true);
  return Buffer.from(message.value).toString();
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('watchState', () => {
  function setUp(produce: (count: number) => State): {
    clock: TestClock;
    stream: AsyncGenerator<Uint8Array, void, undefined>;
    change: () => void;
    abort: AbortController;
    listeners: Set<() => void>;
    produced: () => number;
  } {
    const clock = new TestClock();
    const abort = new AbortController();
    const listeners = new Set<() => void>();
    let produced = 0;
    const stream = watchState({
      clock,
      signal: abort.signal,
      changes: [
        (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      ],
      produce: () => Promise.resolve(produce(produced++)),
    });
    const change = (): void => listeners.forEach((listener) => listener());
    return { clock, stream, change, abort, listeners, produced: () => produced };
  }

  const counting = (count: number): State => ({ message: Buffer.from(String(count)), dueAt: undefined });

  it('yields at once and after each change', async () => {
    const { stream, change } = setUp(counting);
    assert.equal(text(await stream.next()), '0');
    const next = stream.next();
    await settle();
    change();
    assert.equal(text(await next), '1');
    await stream.return();
  });

  it('merges the changes that come while the receiver is slow', async () => {
    const { stream, change, produced } = setUp(counting);
    await stream.next();
    change();
    change();
    change();
    assert.equal(text(await stream.next()), '1');
    const next = stream.next();
    await settle();
    assert.equal(produced(), 2);
    change();
    assert.equal(text(await next), '2');
    await stream.return();
  });

  it('does not lose a change that comes while a state is made', async () => {
    const context = setUp((count) => {
      if (count === 0) context.change();
      return counting(count);
    });
    assert.equal(text(await context.stream.next()), '0');
    assert.equal(text(await context.stream.next()), '1');
    await context.stream.return();
  });

  it('makes a state when it is due, and sends nothing if there is nothing new', async () => {
    const start = new TestClock().now();
    const { stream, clock, produced } = setUp((count) =>
      count === 0 || count === 2
        ? { message: Buffer.from(String(count)), dueAt: start + (count + 1) * 5000 }
        : { message: undefined, dueAt: start + (count + 1) * 5000 },
    );
    await stream.next();
    const next = stream.next();
    await settle();
    clock.advance(4999);
    await settle();
    assert.equal(produced(), 1);
    clock.advance(1);
    await settle();
    assert.equal(produced(), 2, 'made, but unchanged');
    clock.advance(5000);
    assert.equal(text(await next), '2');
    await stream.return();
  });

  it('notices within half a minute that the clock jumped over the due time', async () => {
    const start = new TestClock().now();
    const { stream, clock } = setUp((count) => ({
      message: Buffer.from(String(count)),
      dueAt: start + 3_600_000,
    }));
    await stream.next();
    const next = stream.next();
    await settle();
    clock.jump(7_200_000);
    clock.advance(30_000);
    assert.equal(text(await next), '1');
    await stream.return();
  });

  it('makes a new state when the clock was set back', async () => {
    const start = new TestClock().now();
    const { stream, clock } = setUp((count) => ({
      message: Buffer.from(String(count)),
      dueAt: start + 60_000,
    }));
    await stream.next();
    const next = stream.next();
    await settle();
    clock.jump(-86_400_000);
    clock.advance(30_000);
    assert.equal(text(await next), '1');
    await stream.return();
  });

  it('never spins, even if everything is always due', async () => {
    const { stream, clock, produced } = setUp((count) => ({ message: Buffer.from(String(count)), dueAt: 0 }));
    await stream.next();
    const next = stream.next();
    await settle();
    assert.equal(produced(), 1);
    clock.advance(250);
    assert.equal(text(await next), '1');
    await stream.return();
  });

  it('ends quietly when it is aborted and leaves neither timer nor listener', async () => {
    const { stream, clock, abort, listeners } = setUp(() => ({ message: Buffer.from('x'), dueAt: Infinity }));
    await stream.next();
    const next = stream.next();
    await settle();
    abort.abort();
    assert.equal((await next).done, true);
    assert.equal(clock.pendingTimers, 0);
    assert.equal(listeners.size, 0);
  });

  it('passes on what ends it', async () => {
    const { stream, listeners } = setUp((count) => {
      if (count === 1) throw new Error('withdrawn');
      return { message: Buffer.from('x'), dueAt: undefined };
    });
    await stream.next();
    const next = stream.next();
    await settle();
    listeners.forEach((listener) => listener());
    await assert.rejects(next, /withdrawn/);
    assert.equal(listeners.size, 0);
  });
});
