// A Workload API whose SVIDs live for seconds and whose authorities take turns. It has one socket for each service, and
// what it says arrives at the second one later, as in a real system.
import { startFakeWorkloadApi, type FakeStream, type FakeWorkloadApi } from '@muster/testing';
import { Authorities, type AuthoritiesOptions, type Messages } from '../authorities.ts';
import { answerParent } from './answer.ts';

export interface ProviderOptions extends AuthoritiesOptions {
  /** How often an authority is prepared. */
  readonly rotateEveryMs: number;
  /** From the announcement of an authority to its first signature. 0: the wrong order, a leaf may come before its root. */
  readonly overlapMs: number;
  /** How much later the second socket hears of everything. */
  readonly lagMs: number;
}

export interface ProviderReady {
  readonly addresses: readonly [string, string];
}

export interface ProviderReport {
  /** Times that new X.509-SVIDs were sent. */
  readonly issued: number;
  readonly tokens: number;
  /** Authorities of each kind that ever signed or were announced. */
  readonly authorities: number;
  readonly activations: number;
}

const TICK_MS = 100;

class Provider {
  readonly #options: ProviderOptions;
  readonly #authorities: Authorities;
  readonly #apis: readonly [FakeWorkloadApi, FakeWorkloadApi];
  #renewAt = 0;
  #prepareAt: number;
  #activateAt: number | undefined;
  #lastTickAt = Date.now();
  readonly #counts = { issued: 0, tokens: 0, activations: 0 };

  constructor(options: ProviderOptions, apis: readonly [FakeWorkloadApi, FakeWorkloadApi]) {
    this.#options = options;
    this.#authorities = new Authorities(options);
    this.#apis = apis;
    this.#prepareAt = Date.now() + options.rotateEveryMs / 4;
    for (const api of apis) {
      api.onFetchJwtSvid(({ spiffeId, audience }) => {
        this.#counts.tokens += 1;
        return { svids: [{ spiffeId, svid: this.#authorities.issueJwtSvid(spiffeId, audience), hint: '' }] };
      });
    }
    this.#tick();
    setInterval(() => this.#tick(), TICK_MS);
  }

  report(): ProviderReport {
    return { ...this.#counts, authorities: this.#authorities.made };
  }

  async close(): Promise<void> {
    for (const api of this.#apis) await api.stop();
  }

  #tick(): void {
    const now = Date.now();
    // Whoever slept does not know how far its last announcement has come.
    const hasSlept = now - this.#lastTickAt > 1000;
    if (hasSlept && this.#activateAt !== undefined) this.#activateAt = now + this.#options.overlapMs;
    this.#lastTickAt = now;
    let hasNews = this.#authorities.dropOld();
    if (now >= this.#prepareAt) {
      this.#authorities.prepare();
      this.#prepareAt = now + this.#options.rotateEveryMs;
      this.#activateAt = now + this.#options.overlapMs;
      hasNews = true;
    }
    if (this.#activateAt !== undefined && now >= this.#activateAt) {
      this.#authorities.activate();
      this.#activateAt = undefined;
      this.#counts.activations += 1;
      this.#renewAt = now;
    }
    if (now >= this.#renewAt) {
      this.#renewAt = now + this.#options.svidTtlMs / 2;
      this.#authorities.renew();
      this.#counts.issued += 1;
      hasNews = true;
    }
    if (hasNews) this.#send(this.#authorities.messages());
  }

  #send(messages: Messages): void {
    const [first, second] = this.#apis;
    const sendTo = (api: FakeWorkloadApi): void => {
      for (const [method, message] of Object.entries(messages))
        api.send(method as FakeStream, message as Uint8Array);
    };
    sendTo(first);
    if (this.#counts.issued === 1) sendTo(second);
    else setTimeout(() => sendTo(second), this.#options.lagMs);
  }
}

let provider: Provider | undefined;

answerParent(
  {
    async start(options: ProviderOptions): Promise<ProviderReady> {
      const apis = [await startFakeWorkloadApi(), await startFakeWorkloadApi()] as const;
      provider = new Provider(options, apis);
      return { addresses: [apis[0].address, apis[1].address] };
    },
    report: () => provider?.report(),
  },
  async () => await provider?.close(),
);
