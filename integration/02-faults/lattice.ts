import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listConnections, startDev } from '@muster/cli';
import type { ConnectionRow, Dev, DevOptions, PartLine, Session } from '@muster/cli';
import type { Authority, RegistrationEntry } from '@muster/authority';
import { ask } from '../support/http.ts';
import type { Answer } from '../support/http.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { startLoad } from '../support/load.ts';
import type { Load } from '../support/load.ts';
import { descendantsOf } from '../support/processes.ts';
import type { ProcessInfo } from '../support/processes.ts';
import { eventually } from '../support/wait.ts';

export const TRUST_DOMAIN = 'muster.internal';
export const HOST_ID = `spiffe://${TRUST_DOMAIN}/lattice/default/host/host-1`;
const COMPONENT_ID = `spiffe://${TRUST_DOMAIN}/lattice/default/app/hello/component/hello-identity`;

/** A real development lattice in a folder of its own, with its authority in this process, and load on its component. */
export class Lattice {
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-faults-'));
  /** What the parts logged. */
  readonly lines: PartLine[] = [];
  readonly #loads: Load[] = [];
  readonly #seen = new Map<string, ProcessInfo>();
  readonly #abort = new AbortController();
  dev!: Dev;
  session!: Session;

  static async start(options: Partial<DevOptions> = {}): Promise<Lattice> {
    const lattice = new Lattice();
    try {
      await lattice.#start(options);
      return lattice;
    } catch (error) {
      await lattice.stop();
      throw error;
    }
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, XDG_RUNTIME_DIR: this.folder };
  }

  get authority(): Authority {
    assert.ok(this.dev.authority);
    return this.dev.authority;
  }

  get port(): number {
    return Number(new URL(this.dev.httpUrl ?? '').port);
  }

  /** Asks `/` and `/whoami` until the test stops it. */
  load(): { readonly hello: Load; readonly whoami: Load; stop(): Promise<void> } {
    const hello = startLoad({ port: this.port, isRight: isHello });
    const whoami = startLoad({ port: this.port, path: '/whoami', clients: 2, isRight: isWhoami });
    this.#loads.push(hello, whoami);
    return {
      hello,
      whoami,
      stop: async () => {
        await Promise.all([hello.stop(), whoami.stop()]);
      },
    };
  }

  async isAnswering(): Promise<boolean> {
    const answers = await Promise.all(['/', '/whoami'].map((path) => ask(this.port, { path }))).catch(
      () => [],
    );
    return answers.length === 2 && answers.every(({ status }) => status === 200);
  }

  /** The host's present connections, as nats-server reports them. */
  async hostConnections(): Promise<readonly ConnectionRow[]> {
    const all = await listConnections(this.session.connection.nats, 'default', this.env);
    return all.filter(({ spiffeId }) => spiffeId === HOST_ID);
  }

  /** True when a host answers on NATS. */
  async isHostThere(): Promise<boolean> {
    const answers = await this.session.control.ping({ expected: 1 }).catch(() => []);
    return answers.length === 1;
  }

  /** Kills the process of a part and waits until nothing of it runs. */
  async kill(part: string): Promise<void> {
    const pid = this.pidOf(part);
    this.#remember();
    process.kill(pid, 'SIGKILL');
    await eventually(`${part} is gone`, () => this.dev.pidOf(part) !== pid, 20_000);
  }

  pidOf(part: string): number {
    const pid = this.dev.pidOf(part);
    assert.ok(pid !== undefined, `${part} must run`);
    return pid;
  }

  /** Removes an entry by the end of its SPIFFE ID; the function returned puts it back. */
  withdraw(path: string): () => void {
    const entry = this.authority.entries.list().find(({ spiffe_id: id }) => id.endsWith(path));
    assert.ok(entry, path);
    this.authority.entries.delete(entry.id);
    const { id: _id, ...again } = entry;
    return () => void this.authority.entries.create(again satisfies RegistrationEntry);
  }

  /** Ends everything and fails unless nothing is left. */
  async stop(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.stop()));
    await this.session?.[Symbol.asyncDispose]();
    this.#remember();
    this.#abort.abort();
    await this.dev?.stop();
    try {
      await assertNothingLeft({ folders: [this.folder], processes: [...this.#seen.values()] });
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  async #start(options: Partial<DevOptions>): Promise<void> {
    const sink = { write: () => true };
    const ignore = (): void => {};
    this.dev = await startDev(
      {
        lattice: 'default',
        trustDomain: TRUST_DOMAIN,
        natsPort: 0,
        httpPort: 0,
        hosts: 1,
        component: 'hello-identity',
        operator: 'test',
        x509SvidTtlMs: 3_600_000,
        jwtSvidTtlMs: 300_000,
        ...options,
      },
      {
        io: { stdout: sink, stderr: sink, env: this.env, signal: this.#abort.signal },
        progress: { begin: ignore, detail: ignore, done: ignore, fail: ignore, note: ignore },
        onLine: (line) => void this.lines.push(line),
      },
    );
    this.session = await this.dev.openSession();
    this.#remember();
  }

  #remember(): void {
    for (const info of descendantsOf(process.pid)) this.#seen.set(`${info.pid} ${info.startedAt}`, info);
  }
}

function isHello({ status, body }: Answer): boolean {
  return status === 200 && body === 'Hello from a WebAssembly component. Ask /whoami who I am.\n';
}

/** The component's own SPIFFE ID, for the audience it was told, and not expired when it was said. */
function isWhoami({ status, body }: Answer): boolean {
  if (status !== 200) return false;
  const said = JSON.parse(body) as { spiffeId: unknown; audience: unknown; expiresAt: string };
  return (
    said.spiffeId === COMPONENT_ID &&
    JSON.stringify(said.audience) === JSON.stringify([`spiffe://${TRUST_DOMAIN}/example`]) &&
    Date.parse(said.expiresAt) > Date.now() - 1_000
  );
}
