import { createHash } from 'node:crypto';

import { SpiffeError } from '../../errors.ts';

const DEFAULT_MAX_ENTRIES = 100_000;
const DEFAULT_MAX_ENTRIES_PER_SENDER = 10_000;
const SLOT_MS = 1000;

/** One proof, as a replay cache knows it. Instants are in ms since the epoch. */
export interface SeenProof {
  /** SPIFFE ID of the sender. A `jti` is unique within its sender only. */
  readonly sender: string;
  readonly jti: string;
  /** Until when it must be remembered. */
  readonly expiresAt: number;
  readonly now: number;
}

/** Remembers proofs until they expire. Several verifiers of the same audience must share one, or a proof passes once at each. */
export interface ReplayCache {
  /** Says whether the proof is new, and remembers it in the same step. Throws when it cannot tell: the request is then refused. */
  remember(proof: SeenProof): boolean | Promise<boolean>;
}

/** Limits of a replay cache. */
export interface ReplayCacheOptions {
  /** Proofs at one time. Default 100000. */
  readonly maxEntries?: number | undefined;
  /** Proofs of one sender at one time, so that none crowds the others out. Default 10000. */
  readonly maxEntriesPerSender?: number | undefined;
}

/** Creates a cache in memory, for one process. When it is full, or the clock was set back to what it has forgotten, it throws SpiffeError `ERR_WIT_REPLAY_CACHE_FULL`. */
export function createReplayCache(options: ReplayCacheOptions = {}): ReplayCache {
  const maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
  const maxEntriesPerSender = options.maxEntriesPerSender ?? DEFAULT_MAX_ENTRIES_PER_SENDER;
  const seen = new Set<string>();
  const bySender = new Map<string, number>();
  /** What to forget, by the end of the second in which it expires. */
  const slots = new Map<number, { readonly key: string; readonly sender: string }[]>();

  let sweepAt = 0;
  /** Proofs that expire up to here may have been forgotten. In the past, unless the clock was set back. */
  let forgottenUntil = Number.NEGATIVE_INFINITY;

  function forgetExpired(now: number): void {
    if (now < sweepAt) {
      return;
    }
    sweepAt = Math.floor(now / SLOT_MS + 1) * SLOT_MS;
    for (const [end, entries] of slots) {
      if (end > now) {
        continue;
      }
      slots.delete(end);
      forgottenUntil = Math.max(forgottenUntil, end);
      for (const { key, sender } of entries) {
        seen.delete(key);
        const left = (bySender.get(sender) ?? 1) - 1;
        if (left === 0) {
          bySender.delete(sender);
        } else {
          bySender.set(sender, left);
        }
      }
    }
  }

  return {
    remember({ sender, jti, expiresAt, now }) {
      // A digest has the same size whatever the sender chose for its jti.
      const key = createHash('sha256').update(`${sender} ${jti}`).digest('base64');
      forgetExpired(now);
      if (seen.has(key)) {
        return false;
      }
      const end = Math.floor(expiresAt / SLOT_MS + 1) * SLOT_MS;
      if (!(end > forgottenUntil)) {
        throw new SpiffeError(
          'ERR_WIT_REPLAY_CACHE_FULL',
          'Cannot accept workload proof token: the clock was set back, and proofs of this time are forgotten',
        );
      }
      const ofSender = bySender.get(sender) ?? 0;
      if (seen.size >= maxEntries || ofSender >= maxEntriesPerSender) {
        throw new SpiffeError(
          'ERR_WIT_REPLAY_CACHE_FULL',
          'Cannot accept workload proof token: the replay cache is full until older proofs expire',
        );
      }
      const slot = slots.get(end) ?? [];
      slot.push({ key, sender });
      slots.set(end, slot);
      seen.add(key);
      bySender.set(sender, ofSender + 1);
      return true;
    },
  };
}
