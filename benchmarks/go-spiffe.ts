// go-spiffe in a process of its own, with one thread for Go code: an order is a line of JSON, and so is its answer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { buildPeer, peers } from '../tools/build-peers.ts';

export interface GoSpiffe {
  /** Sends an order and returns the first line that comes then. Byte strings go as base64. */
  ask(order: object): Promise<Record<string, unknown>>;
  /** The next line, for an order that is answered twice. */
  next(): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Builds the peer where it is missing; that takes Go. */
export async function findGoSpiffe(): Promise<{ readonly path: string; readonly version: string }> {
  const peer = peers.find(({ name }) => name === 'go-spiffe');
  if (peer === undefined) throw new Error('there is no peer "go-spiffe"');
  const paths = await buildPeer(peer, (line) => console.error(`go-spiffe: ${line}`));
  const path = paths['go-spiffe-peer'] ?? '';
  return { path, version: /go-spiffe[\\/]([0-9.]+)/.exec(path)?.[1] ?? 'unknown' };
}

export function startGoSpiffe(path: string, words: readonly string[] = []): GoSpiffe {
  const child = spawn(path, ['bench', ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, GOMAXPROCS: '1' },
  });
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('go-spiffe-peer ended');
    const answer = JSON.parse(line.value) as Record<string, unknown>;
    if (answer['event'] === 'failed') throw new Error(`go-spiffe-peer: ${String(answer['reason'])}`);
    return answer;
  };
  return {
    next,
    ask(order) {
      child.stdin.write(`${JSON.stringify(order, withBase64)}\n`);
      return next();
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A Buffer has turned itself into JSON before the replacer sees it, so its parent is asked. */
function withBase64(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key];
  return raw instanceof Uint8Array ? Buffer.from(raw).toString('base64') : value;
}
