import { auditSubject, createAuditLog } from '@muster/lattice';
import type { AuditEntry, Clock, Logger } from '@muster/lattice';

/** Writes the host's audit records to a file and to NATS; keeps the latest while there is no connection. */
export interface HostAudit {
  /** Throws LatticeError `ERR_AUDIT_WRITE` when the file cannot be written; then nothing may be granted. */
  readonly write: (entry: AuditEntry) => void;
  /** Where records go from now on; undefined while there is no connection. */
  setPublisher(publish: ((subject: string, bytes: Uint8Array) => void) | undefined): void;
  close(): void;
}

const MAX_KEPT = 1_000;

export function createHostAudit(options: {
  readonly lattice: string;
  readonly file: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}): HostAudit {
  const subject = auditSubject(options.lattice, 'host');
  let publisher: ((subject: string, bytes: Uint8Array) => void) | undefined;
  let waiting: Uint8Array[] = [];
  let dropped = 0;
  const send = (bytes: Uint8Array): void => {
    if (publisher !== undefined) {
      publisher(subject, bytes);
    } else if (waiting.length < MAX_KEPT) {
      waiting.push(bytes.slice());
    } else {
      dropped += 1;
    }
  };
  const log = createAuditLog({
    service: 'host',
    clock: options.clock,
    publish: send,
    ...(options.file === undefined ? {} : { file: options.file }),
  });
  return {
    write: (entry) => void log.write(entry),
    setPublisher(publish) {
      publisher = publish;
      if (publish === undefined) {
        return;
      }
      const kept = waiting;
      waiting = [];
      for (const bytes of kept) {
        send(bytes);
      }
      if (dropped > 0) {
        options.logger.warn('audit records not published', { dropped });
        dropped = 0;
      }
    },
    close: () => log.close(),
  };
}
