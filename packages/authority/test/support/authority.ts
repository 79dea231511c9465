import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import {
  auditProblems,
  parseAuditRecord,
  silentLogger,
  systemClock,
  type AuditRecord,
  type Clock,
} from '@muster/lattice';
import { DelegatedIdentityClient, WorkloadApiClient } from '@muster/spiffe';
import { AUTHORITY_AUDIT } from '../../src/audit-records.ts';
import {
  startAuthority,
  type Authority,
  type AuthorityConfig,
  type RegistrationEntry,
} from '../../src/index.ts';
import { createFolder, type Folder } from './folder.ts';

export const TRUST_DOMAIN = 'muster.internal';
export const SELF = { type: 'muster', value: 'self' } as const;

/** An authority with its sockets in a folder of their own, and what it recorded; in the end each record must be one that is described. */
export interface TestAuthority extends AsyncDisposable {
  readonly authority: Authority;
  readonly folder: Folder;
  readonly socket: string;
  readonly delegatedSocket: string;
  readonly address: string;
  readonly records: readonly AuditRecord[];
  workloadApi(): WorkloadApiClient;
  delegatedApi(): DelegatedIdentityClient;
}

/** An entry for this very process, unless other selectors are given. */
export function entry(path: string, overrides: Partial<RegistrationEntry> = {}): RegistrationEntry {
  return {
    spiffe_id: `spiffe://${TRUST_DOMAIN}${path}`,
    parent_id: `spiffe://${TRUST_DOMAIN}/authority`,
    selectors: [SELF],
    ...overrides,
  };
}

export async function startTestAuthority(
  config: Partial<AuthorityConfig> = {},
  clock: Clock = systemClock,
): Promise<TestAuthority> {
  const folder = createFolder();
  const records: AuditRecord[] = [];
  mkdirSync(folder.join('workload-api'), { mode: 0o700 });
  mkdirSync(folder.join('delegated'), { mode: 0o700 });
  const socket = folder.join('workload-api/api.sock');
  const delegatedSocket = folder.join('delegated/api.sock');
  const authority = await startAuthority(
    { trustDomain: TRUST_DOMAIN, workloadApiSocket: socket, delegatedSocket, ...config },
    { logger: silentLogger, clock, publishAudit: (bytes) => records.push(parseAuditRecord(bytes)) },
  );
  const clients: AsyncDisposable[] = [];
  const add = <T extends AsyncDisposable>(client: T): T => {
    clients.push(client);
    return client;
  };
  return {
    authority,
    folder,
    socket,
    delegatedSocket,
    address: `unix://${socket}`,
    records,
    workloadApi: () => add(new WorkloadApiClient({ address: `unix://${socket}` })),
    delegatedApi: () => add(new DelegatedIdentityClient({ address: `unix://${delegatedSocket}` })),
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
      await authority.stop();
      folder[Symbol.dispose]();
      for (const record of records) assert.deepEqual(auditProblems(AUTHORITY_AUDIT, record), []);
    },
  };
}
