// go-spiffe as an oracle: one process that answers line by line.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { buildPeer, findPeer, peers } from '../../../tools/build-peers.ts';
import type { Case, Verdict } from './judge.ts';

/** Finds the peer, or says aloud why there is none. With `CI` set it is built first. */
export async function findGoSpiffe(): Promise<{ readonly path: string; readonly skip: false | string }> {
  const peer = peers.find(({ name }) => name === 'go-spiffe');
  let path = peer === undefined ? undefined : findPeer(peer)?.['go-spiffe-peer'];
  if (path === undefined && peer !== undefined && (process.env['CI'] ?? '') !== '') {
    path = (await buildPeer(peer, (line) => console.error(`# ${line}`)))['go-spiffe-peer'];
  }
  if (path !== undefined) return { path, skip: false };
  const skip = 'go-spiffe is not there: run "npm run peers" (Go is needed)';
  console.error(`# THE ORACLE IS SKIPPED: ${skip}`);
  return { path: '', skip };
}

interface Answer {
  readonly ok: boolean;
  readonly error?: string;
  readonly id?: string;
  readonly x509Authorities?: number;
  readonly jwtAuthorities?: number;
  readonly panic?: boolean;
  readonly misunderstood?: boolean;
}

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString('base64');

export class GoSpiffe implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  readonly #ended: Promise<unknown>;
  #failure: Error | undefined;

  constructor(path: string) {
    this.#child = spawn(path, ['oracle'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#ended = once(this.#child, 'close');
    createInterface({ input: this.#child.stdout }).on('line', (line) =>
      this.#waiting.shift()?.resolve(JSON.parse(line) as Answer),
    );
    this.#child.stdin.on('error', () => {});
    this.#child.once('close', () => {
      this.#failure = new Error('go-spiffe-peer has ended');
      for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
    });
  }

  async judge(asked: Case): Promise<Verdict> {
    const answer = await this.#ask(toQuestion(asked));
    if (answer.panic === true || answer.misunderstood === true) throw new Error(answer.error);
    return answer.ok
      ? {
          isAccepted: true,
          ...(answer.id === undefined ? {} : { id: answer.id }),
          ...(answer.x509Authorities === undefined ? {} : { x509: answer.x509Authorities }),
          ...(answer.jwtAuthorities === undefined ? {} : { jwt: answer.jwtAuthorities }),
        }
      : { isAccepted: false, reason: answer.error ?? '' };
  }

  #ask(question: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}

function toQuestion(asked: Case): object {
  if (asked.kind === 'x509') {
    return { ...asked, chain: asked.chain.map(base64), authorities: asked.authorities.map(base64) };
  }
  if (asked.kind === 'svid') return { ...asked, chain: asked.chain.map(base64), key: base64(asked.key) };
  if (asked.kind === 'jwt') {
    return { ...asked, token: base64(asked.token), document: base64(asked.document) };
  }
  return asked.kind === 'id'
    ? { ...asked, text: base64(asked.text) }
    : { ...asked, document: base64(asked.document) };
}
