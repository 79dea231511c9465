import { GRPC_STATUS, GrpcStatusError, type GrpcCall } from '@muster/spiffe/wire';
import type { Caller, WorkloadAttestor } from '../attestation/workload-attestor.ts';
import { callerKey, type RateLimiter } from './rate-limiter.ts';
import type { Journal } from './journal.ts';

const MAX_STREAMS_PER_CALLER = 1000;

/** What is known of a call that passed the gate. */
export interface Entrance {
  readonly requestId: string;
  readonly method: string;
  readonly caller: Caller;
}

/** Attests each call, limits its caller's rate, and records refusals of either kind. */
export class CallGate {
  readonly #attestor: WorkloadAttestor;
  readonly #limiter: RateLimiter;
  readonly #journal: Journal;
  readonly #streams = new Map<string, number>();

  constructor(attestor: WorkloadAttestor, limiter: RateLimiter, journal: Journal) {
    this.#attestor = attestor;
    this.#limiter = limiter;
    this.#journal = journal;
  }

  get openStreams(): number {
    let sum = 0;
    for (const count of this.#streams.values()) sum += count;
    return sum;
  }

  /** Lets a new call in. Throws UNAVAILABLE. */
  async enter(call: GrpcCall): Promise<Entrance> {
    const requestId = this.#journal.newRequestId();
    const method = methodOf(call);
    const caller = await this.#attest(call, requestId, (candidate) => {
      const decision = this.#limiter.take(candidate);
      if (decision === 'allowed') return;
      if (decision === 'limited') {
        this.#journal.deny({ requestId, method, caller: candidate, reason: 'too many calls' });
      }
      throw new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, 'too many calls');
    });
    return { requestId, method, caller };
  }

  /** Looks at the caller of an open stream afresh; its program or user may have changed. Throws UNAVAILABLE. */
  async reenter(call: GrpcCall, entrance: Entrance): Promise<Entrance> {
    return { ...entrance, caller: await this.#attest(call, entrance.requestId) };
  }

  /** Counts an open stream of a caller until the returned function is called. Throws RESOURCE_EXHAUSTED. */
  countStream({ caller, requestId, method }: Entrance): () => void {
    const key = callerKey(caller);
    const count = this.#streams.get(key) ?? 0;
    if (count >= MAX_STREAMS_PER_CALLER) {
      this.#journal.deny({ requestId, method, caller, reason: 'too many streams' });
      throw new GrpcStatusError(GRPC_STATUS.RESOURCE_EXHAUSTED, 'too many streams');
    }
    this.#streams.set(key, count + 1);
    return () => {
      const left = (this.#streams.get(key) ?? 1) - 1;
      if (left === 0) this.#streams.delete(key);
      else this.#streams.set(key, left);
    };
  }

  async #attest(
    call: GrpcCall,
    requestId: string,
    admit?: (caller: Omit<Caller, 'selectors'>) => void,
  ): Promise<Caller> {
    try {
      return await this.#attestor.attest(call.socket, admit);
    } catch (error) {
      if (error instanceof GrpcStatusError) throw error;
      // A caller that hung up meanwhile was not refused anything.
      if (!call.signal.aborted) {
        const reason = error instanceof Error ? error.message : 'attestation failed';
        this.#journal.deny({ requestId, method: methodOf(call), reason });
      }
      throw new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, 'attestation failed', { cause: error });
    }
  }
}

function methodOf(call: GrpcCall): string {
  return call.path.slice(call.path.lastIndexOf('/') + 1);
}
