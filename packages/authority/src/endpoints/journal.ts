import { randomUUID } from 'node:crypto';
import type { AuditLog, JsonObject, Logger } from '@muster/lattice';
import { GRPC_STATUS, GrpcStatusError } from '@muster/spiffe/wire';
import type { Caller } from '../attestation/workload-attestor.ts';

/** One decision about a call. Neither tokens nor keys belong here. */
export interface Decision {
  readonly requestId: string;
  /** The method by its bare name. */
  readonly method: string;
  readonly caller?: Omit<Caller, 'selectors'> | undefined;
  readonly spiffeId?: string | undefined;
  /** Id of the entry that decided. */
  readonly entryId?: string | undefined;
  readonly reason: string;
  readonly details?: JsonObject;
}

/** Writes one audit record per decision, and a log line with the same request id. */
export class Journal {
  readonly #audit: AuditLog;
  readonly #logger: Logger;

  constructor(audit: AuditLog, logger: Logger) {
    this.#audit = audit;
    this.#logger = logger;
  }

  newRequestId(): string {
    return randomUUID();
  }

  /** Records a grant before it is handed out; throws UNAVAILABLE when it cannot be recorded, and then nothing is granted. */
  allow(decision: Decision): void {
    try {
      this.#write('allow', decision);
    } catch (error) {
      this.#logger.error('audit record not written', { requestId: decision.requestId, error });
      throw new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, 'temporarily unavailable', { cause: error });
    }
    this.#logger.debug('call allowed', fieldsOf(decision));
  }

  /** Records a refusal; it stands even if it cannot be recorded. */
  deny(decision: Decision): void {
    try {
      this.#write('deny', decision);
    } catch (error) {
      this.#logger.error('audit record not written', { requestId: decision.requestId, error });
    }
    this.#logger.warn('call denied', fieldsOf(decision));
  }

  #write(kind: 'allow' | 'deny', decision: Decision): void {
    const { requestId, spiffeId = null, entryId = null, reason } = decision;
    this.#audit.write({
      requestId,
      spiffeId,
      decision: kind,
      rule: entryId,
      reason,
      details: { method: decision.method, ...callerDetails(decision.caller), ...decision.details },
    });
  }
}

function callerDetails(caller: Decision['caller']): JsonObject {
  if (caller === undefined) return {};
  const { pid, uid, gid, childNames } = caller;
  return { caller: { pid, uid, gid, ...(childNames.length === 0 ? {} : { child: childNames.join(' ') }) } };
}

function fieldsOf({ requestId, method, caller, spiffeId, reason }: Decision): Record<string, unknown> {
  return { requestId, method, spiffeId, reason, pid: caller?.pid };
}
