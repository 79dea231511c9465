import { createAuditLog } from '@muster/lattice';

/** Lines of a whole chain, with requests `r1` to `r<count>`. */
export function auditLines(count: number, service = 'callout', prefix = 'r'): string[] {
  const lines: string[] = [];
  let at = Date.UTC(2026, 0, 31, 10);
  const log = createAuditLog({
    service,
    clock: { now: () => (at += 1_000) },
    publish: (bytes) => lines.push(Buffer.from(bytes).toString('utf8')),
  });
  for (let n = 1; n <= count; n += 1) {
    log.write({
      requestId: `${prefix}${String(n)}`,
      spiffeId: 'spiffe://example.org/lattice/default/host/a',
      decision: 'allow',
      rule: 'host-ctl',
      reason: 'rule matched',
      details: { serverId: 'N1', clientId: n },
    });
  }
  return lines;
}

/** Everything that is read. */
export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}
