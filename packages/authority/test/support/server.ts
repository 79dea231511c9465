// An authority in a process of its own, which on request calls itself or starts a child that does.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { silentLogger, systemClock } from '@muster/lattice';
import { WorkloadApiClient } from '@muster/spiffe';
import { startAuthority, type RegistrationEntry } from '../../src/index.ts';
import { TRUST_DOMAIN } from './authority.ts';

const [workloadApiSocket = '', entries = '[]'] = process.argv.slice(2);
const authority = await startAuthority(
  {
    trustDomain: TRUST_DOMAIN,
    workloadApiSocket,
    entries: JSON.parse(entries) as RegistrationEntry[],
  },
  { logger: silentLogger, clock: systemClock },
);
console.log('serving');

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = line.split(' ');
  if (command === 'spawn') {
    const flags = ['--conditions=@muster/source', '--disable-warning=ExperimentalWarning'];
    const child = spawn(process.execPath, [...flags, ...args], { stdio: ['pipe', 'inherit', 'inherit'] });
    child.stdin?.end('fetch\n');
  } else {
    await using client = new WorkloadApiClient({ address: `unix://${workloadApiSocket}` });
    const code = await client
      .fetchJwtSvids({ audience: ['a'] })
      .catch((error: { code?: string }) => error.code);
    console.log(code);
  }
}
await authority.stop();
