import type { JwtSvid } from '@muster/spiffe';
import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { LatticeError } from './errors.ts';

/** A JWT-SVID this close to its end is not sent any more: the server and the callout need time to read it. */
const MARGIN_MS = 1_000;

export interface TokenSlotOptions {
  readonly fetchToken: (options: { readonly signal: AbortSignal }) => Promise<JwtSvid>;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Holds the JWT-SVID for the attempt under way. */
export class TokenSlot {
  readonly #options: TokenSlotOptions;
  #svid: JwtSvid | undefined;
  #isUnused = false;

  constructor(options: TokenSlotOptions) {
    this.#options = options;
  }

  /**
   * Fetches a fresh JWT-SVID for one attempt. When that fails, the last one stays while it has not expired.
   * Throws ERR_NO_TOKEN when there is none.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { fetchToken, timeoutMs, clock } = this.#options;
    try {
      this.#svid = await withDeadline(clock, timeoutMs, signal, (inner) => fetchToken({ signal: inner }));
      this.#isUnused = true;
    } catch (cause) {
      if (this.#present() === undefined) {
        throw new LatticeError('ERR_NO_TOKEN', 'Cannot connect: no JWT-SVID could be fetched', { cause });
      }
    }
    if (this.#present() === undefined) {
      throw new LatticeError('ERR_NO_TOKEN', 'Cannot connect: the JWT-SVID that was fetched has expired');
    }
  }

  /** As `refresh`, but keeps one that was fetched ahead for this attempt and not used yet. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (this.#isUnused && this.#present() !== undefined) return;
    await this.refresh(signal);
  }

  /** The text to send, or undefined when none is valid now. */
  take(): string | undefined {
    this.#isUnused = false;
    return this.#present()?.token;
  }

  #present(): JwtSvid | undefined {
    const svid = this.#svid;
    return svid !== undefined && svid.expiresAt > this.#options.clock.now() + MARGIN_MS ? svid : undefined;
  }
}
