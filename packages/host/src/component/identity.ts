import { randomUUID } from 'node:crypto';
import type { AuditEntry, Clock } from '@muster/lattice';
import type { JwtSvid, Selector } from '@muster/spiffe';
import { HostError } from '../errors.ts';
import { createAskLimit } from './ask-limit.ts';

/** The one call of the Delegated Identity API that a component's identity needs. */
export interface DelegatedIdentity {
  fetchJwtSvids(
    request: { readonly selectors: readonly Selector[]; readonly audience: readonly string[] },
    options: { readonly signal?: AbortSignal; readonly timeoutMs: number },
  ): Promise<readonly JwtSvid[]>;
}

/** The identity of one running component; it ends with the component. */
export interface ComponentIdentity {
  /** Whether an entry matches now. Throws HostError `ERR_IDENTITY_UNAVAILABLE` when the authority cannot say. */
  isIssued(): Promise<boolean>;
  /** A JWT-SVID for one audience, undefined when none is issued. Throws HostError `ERR_IDENTITY_UNAVAILABLE`, also for too many audiences. */
  getJwt(audience: string, signal: AbortSignal): Promise<{ readonly token: string } | undefined>;
  /** Forgets every JWT-SVID; from now on there is none. */
  close(): void;
}

export interface ComponentIdentityOptions {
  readonly delegate: DelegatedIdentity;
  readonly selectors: readonly Selector[];
  /** SPIFFE ID by the house's scheme; preferred when several entries match, never required. */
  readonly preferredId: string | undefined;
  readonly audit: (entry: AuditEntry) => void;
  /** What every audit record says about the component. */
  readonly details: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

interface Held {
  readonly svid: JwtSvid;
  readonly refreshAt: number;
}

const TIMEOUT_MS = 5_000;
const MAX_AUDIENCES = 64;
const MAX_AUDIENCE_LENGTH = 2_048;

/** Asks the authority as a delegate, keeps one JWT-SVID per audience until half of its life is over. */
export function createComponentIdentity(options: ComponentIdentityOptions): ComponentIdentity {
  const { delegate, selectors, preferredId, clock, details } = options;
  const held = new Map<string, Held>();
  const pending = new Map<string, Promise<JwtSvid | undefined>>();
  const limit = createAskLimit(clock);
  let isClosed = false;

  const audit = (
    decision: 'allow' | 'deny',
    spiffeId: string | null,
    reason: string,
    audience: string,
  ): void =>
    options.audit({
      requestId: randomUUID(),
      spiffeId,
      decision,
      rule: 'component-identity',
      reason,
      details: { ...details, audience },
    });

  const ask = async (audience: string): Promise<JwtSvid | undefined> => {
    const svids = await fetchSvids(delegate, selectors, audience);
    const svid = svids.find(({ id }) => id.toString() === preferredId) ?? svids[0];
    if (isClosed) {
      return undefined;
    }
    if (svid === undefined) {
      held.delete(audience);
      audit('deny', null, 'no registration entry matches', audience);
      return undefined;
    }
    // Written before the JWT-SVID is handed out: without a record there is none.
    const reason = svids.length > 1 ? 'several registration entries match' : 'a registration entry matches';
    audit('allow', svid.id.toString(), reason, audience);
    const now = clock.now();
    held.delete(audience);
    held.set(audience, { svid, refreshAt: now + (svid.expiresAt - now) / 2 });
    const oldest = held.keys().next();
    if (held.size > MAX_AUDIENCES && oldest.done !== true) {
      held.delete(oldest.value);
    }
    return svid;
  };
  const askOnce = (audience: string): Promise<JwtSvid | undefined> => {
    let running = pending.get(audience);
    if (running === undefined) {
      const decision = limit.take();
      if (decision !== 'allowed') {
        if (decision === 'over') {
          audit('deny', null, 'too many audiences', audience);
        }
        return Promise.reject(
          new HostError('ERR_IDENTITY_UNAVAILABLE', 'Cannot fetch a JWT-SVID: there must be fewer audiences'),
        );
      }
      running = ask(audience).finally(() => pending.delete(audience));
      pending.set(audience, running);
    }
    return running;
  };

  return {
    // Nobody accepts the component's own SPIFFE ID as audience, so what is fetched to find out is of no use to anyone.
    isIssued: async () => (await askOnce(preferredId ?? 'spiffe://none.invalid/')) !== undefined,
    async getJwt(audience, signal) {
      if (isClosed || audience === '' || audience.length > MAX_AUDIENCE_LENGTH) {
        return undefined;
      }
      const known = held.get(audience);
      if (known !== undefined && clock.now() < known.refreshAt) {
        return { token: known.svid.token };
      }
      try {
        const svid = await abortable(askOnce(audience), signal);
        return svid === undefined || isClosed ? undefined : { token: svid.token };
      } catch (error) {
        if (known !== undefined && !isClosed && clock.now() < known.svid.expiresAt) {
          return { token: known.svid.token };
        }
        throw error;
      }
    },
    close() {
      isClosed = true;
      held.clear();
    },
  };
}

async function fetchSvids(
  delegate: DelegatedIdentity,
  selectors: readonly Selector[],
  audience: string,
): Promise<readonly JwtSvid[]> {
  try {
    return await delegate.fetchJwtSvids({ selectors, audience: [audience] }, { timeoutMs: TIMEOUT_MS });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_NO_IDENTITY') {
      return [];
    }
    throw new HostError('ERR_IDENTITY_UNAVAILABLE', 'Cannot fetch a JWT-SVID: the authority must answer', {
      cause,
    });
  }
}

/** One waiter may give up while others go on waiting for the same answer. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void =>
      reject(
        new HostError('ERR_IDENTITY_UNAVAILABLE', 'Cannot fetch a JWT-SVID: the call must not be cancelled'),
      );
    if (signal.aborted) {
      stop();
    }
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
