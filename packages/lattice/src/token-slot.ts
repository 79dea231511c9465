import type { JwtSvid } from '@muster/spiffe';
import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { LatticeError } from './errors.ts';

/** A JWT-SVID this close to its end is not sent any more: the server and the callout need time to read it. */
const MARGIN_MS = 1_000;
/** One that was fetched for an attempt longer ago than this is not fresh any more: the attempt came to nothing. */
const FRESH_MS = 10_000;

export interface TokenSlotOptions {
  readonly fetchToken: (options: { readonly signal: AbortSignal }) => Promise<JwtSvid>;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Holds the JWT-SVID for the attempt under way. */
export class TokenSlot {
  readonly #options: TokenSlotOptions;
  #svid: JwtSvid | undefined;
  #unusedUntil = 0;

  constructor(options: TokenSlotOptions) {
    this.#options = options;
  }

  /**
   * Fetches a fresh JWT-SVID for one attempt. When that fails, the last one stays while it has not expired, unless the
   * identity is no longer ours. Throws ERR_NO_TOKEN when there is none.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { fetchToken, timeoutMs, clock } = this.#options;
    try {
      this.#svid = await withDeadline(clock, timeoutMs, signal, (inner) => fetchToken({ signal: inner }));
      this.#unusedUntil = clock.now() + FRESH_MS;
    } catch (cause) {
      if ((cause as { code?: unknown } | undefined)?.code === 'ERR_NO_IDENTITY') this.#svid = undefined;
      if (this.#present() === undefined) {
        throw new LatticeError('ERR_NO_TOKEN', 'Cannot connect: no JWT-SVID could be fetched', { cause });
      }
    }
    if (this.#present() === undefined) {
      throw new LatticeError('ERR_NO_TOKEN', 'Cannot connect: the JWT-SVID that was fetched has expired');
    }
  }

  /** As `refresh`, but keeps one that was just fetched ahead for this attempt and not used yet. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (this.#options.clock.now() < this.#unusedUntil && this.#present() !== undefined) return;
    await this.refresh(signal);
  }

  /** The text to send, or undefined when none is valid now. */
  take(): string | undefined {
    this.#unusedUntil = 0;
    return this.#present()?.token;
  }

  #present(): JwtSvid | undefined {
    const svid = this.#svid;
    return svid !== undefined && svid.expiresAt > this.#options.clock.now() + MARGIN_MS ? svid : undefined;
  }
}
